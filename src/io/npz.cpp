#include <algorithm>

#include "inflate.h"
#include "npy_array.h"
#include "text.h"
#include "vit/core/error.h"
#include "vit/io/npy.h"
#include "zip.h"

namespace vit::io {
namespace {

constexpr std::string_view kSuffix = ".npy";
/// A deflated entry, inflated anew whenever it is read.
class InflatedSource : public ByteSource {
 public:
  InflatedSource(ByteRange deflated, std::uint64_t size, std::string where)
      : deflated_(std::move(deflated)), size_(size), where_(std::move(where)) {}

  std::uint64_t size() const override { return size_; }
  void read(std::uint64_t offset, std::span<std::byte> to) const override {
    const auto wanted = to.size();
    inflate(deflated_, Wrapping::kRaw, size_, where_, [&](Bytes piece) {
      const auto skipped = std::min<std::uint64_t>(offset, piece.size());
      offset -= skipped;
      piece = piece.subspan(skipped);
      piece = piece.first(std::min(piece.size(), to.size()));
      std::copy(piece.begin(), piece.end(), to.begin());
      to = to.subspan(piece.size());
      return !to.empty();
    });
    if (!to.empty())
      throw DataError("{}: expected {} inflated bytes, found {}", where_, wanted,
                      wanted - to.size());
  }

 private:
  ByteRange deflated_;
  std::uint64_t size_;
  std::string where_;
};

TensorEntry read_entry(const ZipEntry& entry, const std::string& where) {
  if (!entry.deflated) return parse_npy(entry.data, where);
  return parse_npy(ByteRange(std::make_shared<InflatedSource>(entry.data, entry.size, where)),
                   where);
}

}  // namespace

TensorTable read_npz(const std::filesystem::path& path, bool check_checksums) {
  const auto source = path.string();
  const auto entries = read_zip(open_bytes(path), source);
  for (const auto& entry : entries) {
    if (!entry.name.ends_with(kSuffix) || entry.name.size() == kSuffix.size())
      throw DataError("{}: expected arrays (.npy) alone, found {}", source, in_quotes(entry.name));
    // It also sees that a deflated entry is as long as it claims.
    if (check_checksums) check_crc(entry, source);
  }
  TensorTable table(source);
  for (const auto& entry : entries) {
    auto tensor = read_entry(entry, source + ": " + in_quotes(entry.name));
    tensor.name = entry.name.substr(0, entry.name.size() - kSuffix.size());
    table.add(std::move(tensor));
  }
  return table;
}

}  // namespace vit::io
