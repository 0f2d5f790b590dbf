#include "targets.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "geometry.h"
#include "pickle_result.h"
#include "unpickler.h"
#include "vit/core/error.h"
#include "vit/io/idx.h"
#include "vit/io/image_header.h"
#include "vit/io/json_text.h"
#include "vit/io/npy.h"
#include "vit/io/safetensors.h"
#include "vit/io/tar.h"
#include "vit/io/torch_file.h"
#include "zip.h"

namespace vit::fuzz {
namespace {

using io::Bytes;

[[noreturn]] void broken(const char* what) {
  std::fprintf(stderr, "broken promise: %s\n", what);
  std::abort();
}

/// The input as a file without a disk.
class MemoryFile {
 public:
  explicit MemoryFile(Bytes contents) : descriptor_(::memfd_create("input", MFD_CLOEXEC)) {
    if (descriptor_ < 0) broken("no memory file");
    while (!contents.empty()) {
      const auto written = ::write(descriptor_, contents.data(), contents.size());
      if (written <= 0) broken("no memory file");
      contents = contents.subspan(static_cast<std::size_t>(written));
    }
  }
  ~MemoryFile() { ::close(descriptor_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

/// Every element that shape and strides reach is there.
void check(const io::TensorEntry& entry) {
  const auto size = io::contiguous_bytes(entry.dtype, entry.shape);
  if (!size) broken("a tensor's size cannot be counted");
  const auto reached = entry.strides.empty() ? std::optional(*size / io::size_of(entry.dtype))
                                             : io::reached_elements(entry.shape, entry.strides);
  if (!reached || *reached * io::size_of(entry.dtype) != entry.data.size())
    broken("a tensor reaches past its bytes");
  // Not into memory at once: a file may hold many tensors over the same bytes.
  std::array<std::byte, 4096> piece{};
  for (std::uint64_t at = 0; at < entry.data.size(); at += piece.size())
    entry.data.read(
        at, std::span(piece).first(std::min<std::uint64_t>(piece.size(), entry.data.size() - at)));
}

void check(const io::TensorTable& table) {
  for (const auto& entry : table.entries()) check(entry);
}

void check(const io::PickleValue& value, std::size_t depth = 0) {
  if (depth > 200) broken("a pickle without bottom");
  if (const auto* tensor = value.tensor()) check(*tensor);
  if (const auto* object = value.object()) check(object->state, depth + 1);
  if (const auto* list = value.list())
    for (const auto& item : *list) check(item, depth + 1);
  if (const auto* dict = value.dict())
    for (const auto& item : *dict) check(item.second, depth + 1);
}

void read_safetensors(Bytes input) {
  const MemoryFile file(input);
  check(io::read_safetensors(file.path()).tensors);
}

void read_torch(Bytes input) {
  const MemoryFile file(input);
  // Without checksums, which no mutation gets right.
  const auto root = io::read_torch_file(file.path(), {.check_crc = false});
  check(root);
  check(io::select_state_dict(root, "input", "", {"state_dict", "model"}));
}

/// Opcodes alone; each storage that they name is there, and zero.
void read_pickle(Bytes input) {
  constexpr std::size_t kMaxStorage = 1U << 16;
  io::PickleHeap heap;
  io::ByteReader reader(input, "input");
  const auto root = io::Unpickler(heap, reader).run();
  const auto zeros = io::memory_bytes(std::vector<std::byte>(kMaxStorage));
  std::vector<io::ByteRange> records;
  for (const auto& storage : heap.storages) {
    if (storage.size > kMaxStorage) throw DataError("input: a storage that is not here");
    records.push_back(zeros.part(0, storage.size));
  }
  check(io::make_result(heap, root, records, "input"));
}

void read_zip(Bytes input) {
  const auto file = io::memory_bytes({input.begin(), input.end()});
  for (const auto& entry : io::read_zip(file, "input")) io::check_crc(entry, "input");
}

void read_npz(Bytes input) {
  const MemoryFile file(input);
  check(io::read_npz(file.path(), false));
}

void read_npy(Bytes input) {
  const MemoryFile file(input);
  check(io::read_npy(file.path()));
}

void read_idx(Bytes input) {
  const MemoryFile file(input);
  const auto array = io::read_idx(file.path());
  if (io::contiguous_bytes(io::DType::kU8, array.shape) != array.data.size())
    broken("an array of another size");
}

void read_json(Bytes input) {
  const auto json = io::parse_json_bounded(io::as_text(input), "input");
  if (io::parse_json_bounded(json.dump(), "output") != json) broken("JSON changes when written");
}

void read_image(Bytes input) {
  const auto header = io::check_image(input, "input");
  if (header.width < 1 || header.height < 1 || header.width > io::kMaxPixels / header.height)
    broken("an image of an impossible size");
}

/// The members are in the archive, in its order, apart from each other.
void read_tar(Bytes input) {
  const auto archive = io::memory_bytes({input.begin(), input.end()});
  std::uint64_t end = 0;
  for (const auto& member : io::read_tar_members(archive, "input")) {
    if (member.offset < end || member.offset > input.size() ||
        member.bytes.size() > input.size() - member.offset)
      broken("a member reaches past the archive");
    if (member.name.empty()) broken("a member without a name");
    end = member.offset + member.bytes.size();
  }
}

struct Named {
  std::string_view name;
  Target read;
};

constexpr std::array<Named, 10> kTargets{{{"safetensors", read_safetensors},
                                          {"torch", read_torch},
                                          {"pickle", read_pickle},
                                          {"zip", read_zip},
                                          {"npz", read_npz},
                                          {"npy", read_npy},
                                          {"idx", read_idx},
                                          {"json", read_json},
                                          {"image", read_image},
                                          {"tar", read_tar}}};

template <std::size_t Index>
void run(Bytes input) {
  try {
    kTargets[Index].read(input);
  } catch (const DataError& error) {
    const std::string_view message = error.what();
    if (message.empty() || message.find_first_of("\r\n") != message.npos ||
        message.find('\0') != message.npos)
      broken("a message of more than one line");
  }
}

template <std::size_t... Index>
constexpr std::array<Target, sizeof...(Index)> make_runs(std::index_sequence<Index...>) {
  return {run<Index>...};
}

}  // namespace

Target find_target(std::string_view name) {
  static constexpr auto kRuns = make_runs(std::make_index_sequence<kTargets.size()>());
  for (std::size_t i = 0; i < kTargets.size(); ++i)
    if (kTargets[i].name == name) return kRuns[i];
  return nullptr;
}

}  // namespace vit::fuzz
