// NVIDIA's file of this name refuses compilers of the host that nvcc was not tried with. Without nvcc there is nothing to refuse.
#pragma once
