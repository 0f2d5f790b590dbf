#include "vit/runtime/failure.h"

#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/util/Exception.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <new>
#include <string_view>

#include "vit/core/text.h"

namespace vit::runtime {
namespace {

constexpr int kCudaErrorMemoryAllocation = 2;

/// What stands in `text` between `before` and `after`; empty where that is not there.
std::string between(std::string_view text, std::string_view before, std::string_view after) {
  const auto begin = text.find(before);
  if (begin == std::string_view::npos) return "";
  const auto rest = text.substr(begin + before.size());
  const auto end = rest.find(after);
  return end == std::string_view::npos ? "" : std::string(rest.substr(0, end));
}

std::string current_device() {
  try {
    return format("cuda:{}", static_cast<int>(at::detail::getCUDAHooks().current_device()));
  } catch (const c10::Error&) {
    return "cuda";
  }
}

/// LibTorch: "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 79.11
/// GiB of which 1.20 GiB is free. …"
Error device_memory(std::string_view text) {
  const auto gpu = between(text, "GPU ", " ");
  const auto asked = between(text, "Tried to allocate ", ". ");
  const auto total = between(text, "total capacity of ", " of which");
  const auto free = between(text, "of which ", " is free");
  std::string message = gpu.empty() ? current_device() : "cuda:" + gpu;
  message += ": out of memory";
  if (!asked.empty()) message += ": " + asked + " asked for";
  if (!total.empty() && !free.empty()) message += format(", {} of {} free", free, total);
  if (asked.empty()) message += format(" ({})", first_line(text));
  return {ErrorKind::kUsage, message};
}

/// Bytes that this process holds now.
double resident_bytes() {
  double pages = 0;
  std::ifstream statm("/proc/self/statm");
  statm >> pages >> pages;
  return pages * 4096;
}

bool is_device_failure(std::string_view text) {
  static constexpr std::array<std::string_view, 4> kSigns{"CUDA error", "cuDNN error",
                                                          "CUBLAS_STATUS_", "CUDNN_STATUS_"};
  for (const auto sign : kSigns)
    if (text.find(sign) != std::string_view::npos) return true;
  return false;
}

std::optional<Error> explain(const c10::Error& failure) {
  const std::string text = failure.what_without_backtrace();
  if (dynamic_cast<const c10::OutOfMemoryError*>(&failure) != nullptr) return device_memory(text);
  const auto* accelerator = dynamic_cast<const c10::AcceleratorError*>(&failure);
  if (accelerator != nullptr && accelerator->get_error_code() == kCudaErrorMemoryAllocation)
    return device_memory(text);
  if (text.find("STATUS_ALLOC_FAILED") != std::string::npos) return device_memory(text);
  if (accelerator != nullptr || is_device_failure(text))
    return Error(ErrorKind::kUsage, format("{}: {}", current_device(), first_line(text)));
  // LibTorch: "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate
  // memory: you tried to allocate 39460012032 bytes. Error code 12 (Cannot allocate memory)"
  if (const auto bytes = between(text, "you tried to allocate ", " bytes"); !bytes.empty())
    return Error(ErrorKind::kIo, format("not enough memory: {} asked for",
                                        bytes_text(std::strtod(bytes.c_str(), nullptr))));
  return std::nullopt;
}

}  // namespace

std::optional<Error> explain_failure(const std::exception& failure) {
  if (const auto* error = dynamic_cast<const c10::Error*>(&failure)) return explain(*error);
  // Nobody knows how much was asked for; how much there was already tells nearly the same.
  if (dynamic_cast<const std::bad_alloc*>(&failure) != nullptr)
    return Error(ErrorKind::kIo, format("not enough memory: a request beyond the {} in use failed",
                                        bytes_text(resident_bytes())));
  return std::nullopt;
}

}  // namespace vit::runtime
