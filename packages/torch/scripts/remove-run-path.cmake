# cmake -DFILE=… -P remove-run-path.cmake: takes the run path out of a shared library, as installing with CMake does.
file(RPATH_REMOVE FILE "${FILE}")
