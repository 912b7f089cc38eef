// A small addon that needs no libtorch: brings the libraries of one libtorch into the process before the addon that needs
// them, and says which are there. The dynamic loader then finds them by their SONAME, whatever their folder, so that a
// binary without a search path works with the libtorch that JavaScript chose.
#include <dlfcn.h>
#include <link.h>
#include <node_api.h>

#include <cstdlib>
#include <cstring>

namespace {

struct Paths {
  char** items = nullptr;
  size_t count = 0;
};

/** Copies the paths: no call into Node.js may happen while the dynamic loader's lock is held. */
int collect(struct dl_phdr_info* info, size_t, void* data) {
  auto* paths = static_cast<Paths*>(data);
  if (info->dlpi_name == nullptr || info->dlpi_name[0] == '\0') return 0;
  auto** grown = static_cast<char**>(realloc(paths->items, (paths->count + 1) * sizeof(char*)));
  if (grown == nullptr) return 1;
  paths->items = grown;
  char* copy = strdup(info->dlpi_name);
  if (copy == nullptr) return 1;
  paths->items[paths->count++] = copy;
  return 0;
}

/** `loaded() → string[]`: the path of every shared library in the process. */
napi_value loaded(napi_env env, napi_callback_info) {
  Paths paths;
  dl_iterate_phdr(collect, &paths);
  napi_value list = nullptr;
  bool ok = napi_create_array_with_length(env, paths.count, &list) == napi_ok;
  for (size_t i = 0; i < paths.count; ++i) {
    napi_value path;
    ok = ok && napi_create_string_utf8(env, paths.items[i], NAPI_AUTO_LENGTH, &path) == napi_ok &&
         napi_set_element(env, list, static_cast<uint32_t>(i), path) == napi_ok;
    free(paths.items[i]);
  }
  free(paths.items);
  return ok ? list : nullptr;
}

/** `open(path)`: loads a library for the rest of the process, its symbols to those alone that need it. Throws the loader's words. */
napi_value open(napi_env env, napi_callback_info info) {
  napi_value argument;
  size_t count = 1, length = 0;
  char path[4096];
  if (napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr) != napi_ok || count != 1 ||
      napi_get_value_string_utf8(env, argument, path, sizeof path, &length) != napi_ok || length + 1 >= sizeof path) {
    napi_throw_type_error(env, nullptr, "open: expected the path of a library, of at most 4094 bytes");
    return nullptr;
  }
  if (dlopen(path, RTLD_LAZY | RTLD_LOCAL) == nullptr) {
    const char* reason = dlerror();
    napi_throw_error(env, nullptr, reason != nullptr ? reason : path);
  }
  return nullptr;
}

}  // namespace

NAPI_MODULE_INIT() {
  const struct {
    const char* name;
    napi_callback callback;
  } functions[] = {{"loaded", loaded}, {"open", open}};
  for (const auto& entry : functions) {
    napi_value function;
    if (napi_create_function(env, entry.name, NAPI_AUTO_LENGTH, entry.callback, nullptr, &function) != napi_ok ||
        napi_set_named_property(env, exports, entry.name, function) != napi_ok)
      return nullptr;
  }
  return exports;
}
