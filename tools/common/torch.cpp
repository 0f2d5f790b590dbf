#include "common/torch.h"

#include <c10/util/Exception.h>

#include "vit/engine/module_library.h"
#include "vit/runtime/device.h"
#include "vit/runtime/failure.h"

namespace vit::tools {

c10::Device open_device(Command& command) {
  return runtime::open_device(command.device_name(), &command.log());
}

void use_libtorch(Command& command) {
  command.on_start([](int threads) { runtime::set_threads(threads); });
  explain_libtorch(command);
}

void explain_libtorch(Command& command) {
  command.on_failure([](const std::exception& failure, bool verbose) -> std::optional<Error> {
    if (auto known = runtime::explain_failure(failure)) return known;
    const auto* error = dynamic_cast<const c10::Error*>(&failure);
    if (error == nullptr) return std::nullopt;
    return Error(ErrorKind::kData, verbose ? error->what() : error->what_without_backtrace());
  });
}

}  // namespace vit::tools
