// Values between JavaScript and the dispatcher's stack, by the kind that a schema's argument has.
#pragma once

#include "environment.h"
#include "plan.h"

namespace suave {

/** A JavaScript value as the argument wants it. @throws ArgumentError naming the argument, DisposedError */
c10::IValue toIValue(const Call& call, napi_value value, const ArgumentPlan& argument);

/** A result for JavaScript: tensors become handles of the current scope, lists arrays. */
napi_value fromIValue(const Call& call, const c10::IValue& value);

/** Which names an integer argument stands for; `None` for one that is a number. */
Enumeration enumerationOf(const c10::Argument& argument);

/** Describes one argument for an error message: tensors by dtype, shape and device. */
std::string describe(const Environment& state, napi_env env, napi_value value, Kind kind);

}  // namespace suave
