// How one operator is called: a conversion plan made once from its schema.
#pragma once

#include "environment.h"

namespace suave {

/** What a schema's argument accepts from JavaScript. */
enum class Kind : uint8_t {
  Tensor,
  TensorList,
  OptionalTensorList,
  Scalar,
  ScalarList,
  Int,
  IntList,
  Float,
  FloatList,
  Bool,
  BoolList,
  String,
  StringList,
  Device,
  Generator,
  Unsupported,
};

/** Integers of a schema that JavaScript gives by name. */
enum class Enumeration : uint8_t { None, Dtype, Layout, MemoryFormat };

struct ArgumentPlan {
  std::string name;
  Kind kind = Kind::Unsupported;
  Enumeration enumeration = Enumeration::None;
  bool optional = false;
  bool required = false;      // no default and not optional
  int32_t listSize = 0;       // N of int[N]: a single number fills it
  int32_t schemaIndex = -1;   // -1: the loaded libtorch has no such argument
};

/** How one operator is called: positions of the JavaScript call mapped to the loaded schema by argument name. */
struct Plan {
  explicit Plan(c10::OperatorHandle handle) : op(std::move(handle)) {}
  c10::OperatorHandle op;
  std::string name;
  std::vector<ArgumentPlan> arguments;
  std::vector<c10::IValue> defaults;  // one for each argument of the loaded schema
  std::vector<int32_t> resized;       // schema indices of the tensors, or lists of them, that it may give another size
};

}  // namespace suave
