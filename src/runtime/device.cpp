#include "vit/runtime/device.h"

#include <ATen/Context.h>
#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/core/InferenceMode.h>
#include <dlfcn.h>

#include <filesystem>
#include <string_view>

#include "vit/core/error.h"
#include "vit/core/paths.h"
#include "vit/core/text.h"

namespace vit::runtime {
namespace {

/// Whether there is an NVIDIA driver: looked at first, for LibTorch's CUDA side costs some 350 MiB
/// and half a second to load.
bool has_driver() {
  static const bool found = dlopen("libcuda.so.1", RTLD_NOW | RTLD_GLOBAL) != nullptr;
  return found;
}

/// LibTorch's CUDA library beside the CPU library that runs, whatever search path the program has;
/// its bare name where the CPU library does not say where it is.
std::string cuda_library() {
  constexpr auto kName = "libtorch_cuda.so";
  const auto cpu = library_of(reinterpret_cast<const void*>(&at::get_num_threads));
  if (!cpu.filename().string().starts_with("libtorch_cpu")) return kName;
  auto beside = cpu.parent_path() / kName;
  std::error_code ignored;
  return std::filesystem::exists(beside, ignored) ? beside.string() : kName;
}

/// Loads LibTorch's CUDA side, once. Its initialisers register the CUDA kernels.
const std::string& load_cuda() {
  static const std::string problem = []() -> std::string {
    const auto library = cuda_library();
    if (dlopen(library.c_str(), RTLD_NOW | RTLD_GLOBAL) != nullptr) return "";
    const char* reason = dlerror();
    return format("LibTorch's CUDA library cannot be loaded ({})",
                  reason != nullptr ? reason : library);
  }();
  return problem;
}

/// The first line of what LibTorch says: the others advise how to debug it.
std::string reason_of(const c10::Error& error) {
  return std::string(first_line(error.what_without_backtrace()));
}

/// Runs one operation. Empty where it gives the right number; else why not, in one line.
std::string try_device(c10::Device device) {
  try {
    const c10::InferenceMode guard;
    const auto ones = at::ones({16, 16}, at::device(device));
    const auto sum = at::matmul(ones, ones).sum().item<float>();
    return sum == 16.0F * 16.0F * 16.0F ? "" : format("a product came out wrong on {}", device);
  } catch (const c10::Error& error) {
    return format("{} does not work ({})", device, reason_of(error));
  }
}

int cuda_device_count() { return at::detail::getCUDAHooks().deviceCount(); }

/// Empty where LibTorch sees CUDA devices; else why it does not.
std::string why_no_cuda_devices() {
  if (!has_driver()) return "no NVIDIA driver (libcuda.so.1) on this machine";
  if (const auto& problem = load_cuda(); !problem.empty()) return problem;
  try {
    if (!at::detail::getCUDAHooks().hasCUDART())
      return "this program asked LibTorch for CUDA before its CUDA library was opened";
    if (at::globalContext().hasCUDA() && cuda_device_count() > 0) return "";
  } catch (const c10::Error& error) {
    return format("CUDA does not start ({})", reason_of(error));
  }
  return "the NVIDIA driver finds no device that this process may use";
}

c10::Device cuda(int index) { return {c10::kCUDA, static_cast<c10::DeviceIndex>(index)}; }

/// Throws UsageError, opening with `name`, where CUDA device `index` does not work.
void need_cuda(const std::string& name, int index) {
  if (const auto problem = why_no_cuda_devices(); !problem.empty())
    throw UsageError("device {}: {}", name, problem);
  const auto count = cuda_device_count();
  if (index >= count)
    throw UsageError("device {}: expected a device below {}, the number found", name, count);
  if (const auto problem = try_device(cuda(index)); !problem.empty())
    throw UsageError("device {}: {}", name, problem);
}

c10::Device choose_device(Log* log) {
  const auto problem = why_no_cuda();
  if (problem.empty()) return cuda(0);
  // Without a driver nobody expects a GPU; with one, silence would hide why it is not used.
  if (log != nullptr && has_driver()) log->warning("runs on the CPU: {}", problem);
  return c10::kCPU;
}

}  // namespace

std::string why_no_cuda() {
  if (auto problem = why_no_cuda_devices(); !problem.empty()) return problem;
  return try_device(cuda(0));
}

c10::Device open_device(const std::string& name, Log* log) {
  if (name == "auto") return choose_device(log);
  if (name == "cpu") return c10::kCPU;
  if (name == "meta") return c10::kMeta;
  const bool numbered = name.rfind("cuda:", 0) == 0 && name.size() > 5 && name.size() <= 8 &&
                        name.find_first_not_of("0123456789", 5) == std::string::npos;
  if (name != "cuda" && !numbered)
    throw UsageError("device: expected auto, cpu, cuda or cuda:N, found '{}'", name);
  const int index = numbered ? std::stoi(name.substr(5)) : 0;
  need_cuda(name, index);
  return cuda(index);
}

void prepare_device(c10::Device device) {
  if (!device.is_cuda()) return;
  need_cuda(device.str(), device.has_index() ? device.index() : 0);
}

void set_threads(int threads) { at::set_num_threads(threads); }

}  // namespace vit::runtime
