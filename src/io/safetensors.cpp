#include "vit/io/safetensors.h"

#include <algorithm>

#include "bytes.h"
#include "geometry.h"
#include "safetensors_header.h"
#include "text.h"
#include "vit/core/error.h"
#include "vit/core/file.h"
#include "vit/core/json.h"

namespace vit::io {
namespace {

constexpr std::uint64_t kMaxSafetensorsHeader = 100'000'000;  // the reference implementation's
constexpr std::size_t kAlignment = 8;

ByteRange header_text(const ByteRange& file, const std::string& source) {
  if (file.size() < 8)
    throw DataError("{}: expected a safetensors header length of 8 bytes, found {} bytes", source,
                    file.size());
  const auto length = load_le<std::uint64_t>(file.read_start(8).data());
  const auto limit = std::min<std::uint64_t>(kMaxSafetensorsHeader, file.size() - 8);
  if (length > limit)
    throw DataError("{}: expected a safetensors header of at most {} bytes, found a length of {}",
                    source, limit, length);
  const auto start = file.part(8, std::min<std::uint64_t>(length, 8)).read_all();
  if (!as_text(start).starts_with('{'))
    throw DataError("{}: expected a safetensors header that starts with '{', found {}", source,
                    start.empty() ? "none" : in_quotes(as_text(start)));
  return file.part(8, length);
}

/// The tensors follow each other without holes or overlap and fill the file.
void check_layout(std::vector<HeaderTensor>& tensors, std::uint64_t size,
                  const std::string& source) {
  std::stable_sort(tensors.begin(), tensors.end(), [](const auto& a, const auto& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  std::uint64_t expected = 0;
  for (const auto& tensor : tensors) {
    const auto fail = [&](const auto&... what) {
      throw DataError("{}: tensor {}: expected {}, found {}", source, in_quotes(tensor.name),
                      what...);
    };
    if (tensor.end < tensor.begin || tensor.end > size)
      fail(format("data_offsets within {} bytes of data", size),
           format("[{}, {}]", tensor.begin, tensor.end));
    const auto bytes = contiguous_bytes(tensor.dtype, tensor.shape);
    if (!bytes) fail("a shape whose size can be counted", tensor.shape);
    if (*bytes != tensor.end - tensor.begin)
      fail(format("{} bytes for shape {} of {}", *bytes, tensor.shape, name_of(tensor.dtype)),
           format("{}", tensor.end - tensor.begin));
    if (tensor.begin != expected)
      fail(format("data at offset {}, without holes or overlap", expected), tensor.begin);
    expected = tensor.end;
  }
  if (expected != size)
    throw DataError("{}: expected the data to end after {} bytes, found {} bytes", source, expected,
                    size);
}

}  // namespace

SafetensorsFile read_safetensors(const std::filesystem::path& path) {
  const auto file = open_bytes(path);
  const auto source = path.string();
  const auto text = header_text(file, source);
  auto header = parse_safetensors_header(text, source);
  const auto data = file.part(8 + text.size());
  check_layout(header.tensors, data.size(), source);

  SafetensorsFile result{TensorTable(source), std::move(header.metadata)};
  for (auto& tensor : header.tensors)
    result.tensors.add({std::move(tensor.name),
                        tensor.dtype,
                        std::move(tensor.shape),
                        {},
                        data.part(tensor.begin, tensor.end - tensor.begin)});
  return result;
}

namespace {

std::uint64_t bytes_to_write(const TensorToWrite& tensor, const std::string& target) {
  const auto bytes = contiguous_bytes(tensor.dtype, tensor.shape);
  if (!bytes)
    throw DataError("{}: tensor {}: shape {} cannot be counted", target, in_quotes(tensor.name),
                    tensor.shape);
  return *bytes;
}

std::string make_header(const std::vector<TensorToWrite>& tensors, const Metadata& metadata,
                        const std::string& target) {
  Json json = Json::object();
  auto& members = json.get_ref<Json::object_t&>();
  if (!metadata.empty()) members.emplace_back("__metadata__", metadata);
  std::vector<std::string_view> names;
  std::uint64_t offset = 0;
  for (const auto& tensor : tensors) {
    const auto end = offset + bytes_to_write(tensor, target);
    members.emplace_back(tensor.name, Json{{"dtype", name_of(tensor.dtype)},
                                           {"shape", tensor.shape},
                                           {"data_offsets", {offset, end}}});
    names.push_back(tensor.name);
    offset = end;
  }
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end()) throw DataError("{}: tensor {} twice", target, in_quotes(*twice));
  if (std::binary_search(names.begin(), names.end(), "__metadata__"))
    throw DataError("{}: a tensor cannot be called '__metadata__'", target);
  try {
    auto text = json.dump();
    text.resize((text.size() + kAlignment - 1) / kAlignment * kAlignment, ' ');
    return text;
  } catch (const Json::exception&) {
    throw DataError("{}: expected names and metadata in UTF-8", target);
  }
}

}  // namespace

void write_safetensors(const std::filesystem::path& path, const std::vector<TensorToWrite>& tensors,
                       const Metadata& metadata) {
  const auto target = path.string();
  const auto header = make_header(tensors, metadata, target);
  AtomicFile file(path);
  const std::uint64_t length = header.size();
  file.write(std::as_bytes(std::span(&length, 1)));
  file.write(header);
  for (const auto& tensor : tensors) {
    const auto expected = bytes_to_write(tensor, target);
    const auto data = tensor.data();
    if (data.size() != expected)
      throw DataError("{}: tensor {}: expected {} bytes to write, found {}", target,
                      in_quotes(tensor.name), expected, data.size());
    file.write(data);
  }
  file.commit();
}

}  // namespace vit::io
