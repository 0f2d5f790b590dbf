// libtiff reading from memory, its messages kept from stderr.
#include <algorithm>
#include <cstdio>
#include <cstring>

#include "decode_tiff.h"
#include "vit/core/error.h"

namespace vit::data::tiff {
namespace {

Memory* memory_of(thandle_t handle) { return static_cast<Memory*>(handle); }

tmsize_t read_memory(thandle_t handle, void* to, tmsize_t count) {
  auto* memory = memory_of(handle);
  const auto left = memory->at < memory->size ? memory->size - memory->at : 0;
  const auto n = std::min(left, static_cast<std::uint64_t>(std::max<tmsize_t>(count, 0)));
  if (n > 0) std::memcpy(to, memory->data + memory->at, n);
  memory->at += n;
  return static_cast<tmsize_t>(n);
}

tmsize_t refuse_write(thandle_t /*handle*/, void* /*from*/, tmsize_t /*count*/) { return -1; }

toff_t seek_memory(thandle_t handle, toff_t offset, int whence) {
  auto* memory = memory_of(handle);
  if (whence == SEEK_CUR) offset += memory->at;
  if (whence == SEEK_END) offset += memory->size;
  memory->at = offset;
  return offset;
}

int close_memory(thandle_t /*handle*/) { return 0; }
toff_t size_of_memory(thandle_t handle) { return memory_of(handle)->size; }

int keep_message(TIFF* /*tiff*/, void* data, const char* /*module*/, const char* text,
                 va_list arguments) {
  auto* memory = static_cast<Memory*>(data);
  std::vsnprintf(memory->message, sizeof memory->message, text, arguments);
  return 1;
}

int ignore_tiff_message(TIFF* /*tiff*/, void* /*data*/, const char* /*module*/,
                        const char* /*text*/, va_list /*arguments*/) {
  return 1;
}

}  // namespace

TiffPointer open_tiff(Memory& memory) {
  const std::unique_ptr<TIFFOpenOptions, decltype(&TIFFOpenOptionsFree)> options(
      TIFFOpenOptionsAlloc(), TIFFOpenOptionsFree);
  TIFFOpenOptionsSetErrorHandlerExtR(options.get(), keep_message, &memory);
  TIFFOpenOptionsSetWarningHandlerExtR(options.get(), ignore_tiff_message, nullptr);
  return {TIFFClientOpenExt("", "rm", &memory, read_memory, refuse_write, seek_memory, close_memory,
                            size_of_memory, nullptr, nullptr, options.get()),
          TIFFClose};
}

void fail(const Encoded& file, const char* message) {
  throw DataError("{}: TIFF: {}", file.source, message);
}

}  // namespace vit::data::tiff
