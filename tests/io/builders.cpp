#include "builders.h"

#include <zlib.h>

namespace vit::io::testing {

std::string safetensors(std::string_view header, std::string_view data) {
  return cat(le<std::uint64_t>(header.size()), header, data);
}

std::uint32_t crc32(std::string_view contents) {
  return static_cast<std::uint32_t>(
      ::crc32_z(0, reinterpret_cast<const Bytef*>(contents.data()), contents.size()));
}

std::string deflate(std::string_view contents) {
  z_stream z{};
  deflateInit2(&z, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY);
  std::string result(deflateBound(&z, contents.size()), '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(contents.data()));
  z.avail_in = static_cast<uInt>(contents.size());
  z.next_out = reinterpret_cast<Bytef*>(result.data());
  z.avail_out = static_cast<uInt>(result.size());
  ::deflate(&z, Z_FINISH);
  result.resize(z.total_out);
  deflateEnd(&z);
  return result;
}

std::string zip(const std::vector<ZipMember>& members, const ZipShape& shape) {
  std::string file;
  std::string directory;
  for (const auto& member : members) {
    const auto offset = static_cast<std::uint32_t>(
        member.offset >= 0 ? static_cast<std::size_t>(member.offset) : file.size());
    const auto crc =
        member.crc >= 0 ? static_cast<std::uint32_t>(member.crc) : crc32(member.contents);
    const auto compressed =
        member.saturated ? UINT32_MAX : static_cast<std::uint32_t>(member.contents.size());
    const auto size =
        member.saturated
            ? UINT32_MAX
            : static_cast<std::uint32_t>(member.size != 0 ? member.size : member.contents.size());
    const auto common = cat(le<std::uint16_t>(0), le(member.method), le<std::uint32_t>(0), le(crc),
                            le(compressed), le(size));
    const auto& local_name = member.local_name.empty() ? member.name : member.local_name;
    file += cat("PK\x03\x04", le<std::uint16_t>(20), common,
                le(static_cast<std::uint16_t>(local_name.size())),
                le(static_cast<std::uint16_t>(member.extra.size())), local_name, member.extra,
                member.contents);
    directory += cat("PK\x01\x02", le<std::uint16_t>(20), le<std::uint16_t>(20), common,
                     le(static_cast<std::uint16_t>(member.name.size())),
                     le(static_cast<std::uint16_t>(member.extra.size())), le<std::uint64_t>(0),
                     le<std::uint16_t>(0), le(offset), member.name, member.extra);
  }
  if (!shape.end_record) return file + directory;
  const auto count = static_cast<std::uint16_t>(
      shape.claimed_count >= 0 ? static_cast<std::size_t>(shape.claimed_count) : members.size());
  return cat(file, directory, "PK\x05\x06", le<std::uint32_t>(0), le(count), le(count),
             le(static_cast<std::uint32_t>(directory.size())),
             le(static_cast<std::uint32_t>(file.size())), le<std::uint16_t>(0));
}

std::string npy(const std::string& literal, std::string_view data) {
  return cat(std::string_view("\x93NUMPY\x01\x00", 8),
             le(static_cast<std::uint16_t>(literal.size())), literal, data);
}

std::string pickle(std::string_view opcodes) { return cat("\x80\x02", opcodes, "."); }

std::string text(std::string_view value) {
  return cat("X", le(static_cast<std::uint32_t>(value.size())), value);
}

std::string global(std::string_view module, std::string_view name) {
  return cat("c", module, "\n", name, "\n");
}

std::string number(std::int32_t value) { return cat("J", le(value)); }

std::string numbers(const std::vector<std::int32_t>& values) {
  std::string result = "(";
  for (const auto value : values) result += number(value);
  result += "t";
  return result;
}

std::string storage(std::string_view key, std::int32_t count, std::string_view type) {
  return cat("(", text("storage"), global("torch", type), text(key), text("cpu"), number(count),
             "tQ");
}

std::string tensor(const std::string& storage, std::int32_t offset,
                   const std::vector<std::int32_t>& shape,
                   const std::vector<std::int32_t>& strides) {
  return global("torch._utils", "_rebuild_tensor_v2") + "(" + storage + number(offset) +
         numbers(shape) + numbers(strides) + "\x89" + global("collections", "OrderedDict") + ")RtR";
}

std::string dict(const std::string& key, const std::string& value) {
  return cat("}", key, value, "s");
}

std::string torch_zip(std::string_view opcodes,
                      const std::vector<std::pair<std::string, std::string>>& records) {
  std::vector<ZipMember> members{{"archive/data.pkl", pickle(opcodes)}};
  for (const auto& [name, contents] : records) members.push_back({cat("archive/", name), contents});
  return zip(members);
}

}  // namespace vit::io::testing
