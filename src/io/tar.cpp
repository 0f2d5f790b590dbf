#include "vit/io/tar.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "bytes.h"
#include "text.h"
#include "vit/core/error.h"

namespace vit::io {
namespace {

constexpr std::size_t kBlock = 512;
constexpr std::uint64_t kMaxExtension = 1U << 20;  // of one pax header or long name
constexpr std::size_t kMaxMemberName = 4096;
constexpr std::size_t kMaxMembers = 1U << 24;
/// More than any archive has, far from where sums of sizes wrap.
constexpr std::uint64_t kMaxSize = std::uint64_t{1} << 56;

/// A header's fields: where each starts, how long it is.
struct Field {
  std::size_t at;
  std::size_t size;
};
constexpr Field kName{0, 100};
constexpr Field kSize{124, 12};
constexpr Field kChecksum{148, 8};
constexpr std::size_t kType = 156;
constexpr Field kMagicField{257, 6};
constexpr Field kPrefix{345, 155};

std::string_view text_of(Bytes header, Field field) {
  const auto text = as_text(header.subspan(field.at, field.size));
  return text.substr(0, text.find('\0'));
}

/// What extension headers say of the member that follows.
struct Pending {
  std::optional<std::string> name;
  std::optional<std::uint64_t> size;
};

class TarReader {
 public:
  TarReader(ByteRange archive, const std::string& source)
      : archive_(std::move(archive)), source_(source) {}

  std::vector<TarMember> run() {
    if (left() == 0) fail("a tar archive", "an empty file");
    std::array<std::byte, kBlock> header{};
    // An archive ends with blocks of zeros; some writers leave them out.
    while (left() > 0) {
      start_ = at_;
      if (left() < kBlock)
        fail("a header of 512 bytes", std::to_string(left()) + " (a file cut short?)");
      archive_.read(at_, header);
      at_ += kBlock;
      if (is_zero(header)) break;
      check_sum(header);
      read_entry(header);
    }
    if (pending_.name || pending_.size) fail("a member after its extension header", "the end");
    return std::move(members_);
  }

 private:
  [[noreturn]] void fail(std::string_view expected, std::string_view found) const {
    throw DataError("{}: expected {} at offset {}, found {}", source_, expected, start_, found);
  }

  std::uint64_t left() const { return archive_.size() - at_; }

  static bool is_zero(Bytes header) {
    for (const auto byte : header)
      if (byte != std::byte{}) return false;
    return true;
  }

  /// Octal digits between blanks, or (GNU) 0x80 and big-endian bytes.
  std::uint64_t number(Bytes header, Field field, const char* what) const {
    const auto bytes = header.subspan(field.at, field.size);
    std::uint64_t value = 0;
    if (bytes[0] == std::byte{0x80}) {
      for (const auto byte : bytes.subspan(1)) {
        if (value > kMaxSize) fail(what, "a number too large");
        value = value << 8U | std::to_integer<std::uint64_t>(byte);
      }
      return value;
    }
    auto text = text_of(header, field);
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    for (const auto c : text) {
      if (c < '0' || c > '7') fail(what, in_quotes(text));
      value = value * 8 + static_cast<std::uint64_t>(c - '0');
    }
    return value;
  }

  /// The sum of the header's bytes, its own field counted as blanks; old writers summed signed.
  void check_sum(Bytes header) const {
    if (starts_with(header, "\x1f\x8b")) fail("a tar header (not gzipped)", "gzip's magic");
    std::uint64_t plain = 0;
    std::int64_t with_sign = 0;
    for (std::size_t i = 0; i < header.size(); ++i) {
      const bool own = i >= kChecksum.at && i < kChecksum.at + kChecksum.size;
      const auto byte = own ? std::uint8_t{' '} : std::to_integer<std::uint8_t>(header[i]);
      plain += byte;
      with_sign += static_cast<std::int8_t>(byte);
    }
    const auto stored = number(header, kChecksum, "a tar header's checksum");
    if (stored != plain && static_cast<std::int64_t>(stored) != with_sign)
      fail("a tar header with its checksum", "other bytes");
  }

  /// The member's bytes, and past the padding behind them.
  ByteRange take_data(std::uint64_t size) {
    if (size > left())
      fail("a member of " + std::to_string(size) + " bytes",
           std::to_string(left()) + " bytes up to the end (a file cut short?)");
    auto bytes = archive_.part(at_, size);
    // The last member of a file without end may lack its padding.
    const auto padding = (kBlock - size % kBlock) % kBlock;
    at_ += size;
    at_ += std::min<std::uint64_t>(padding, left());
    return bytes;
  }

  std::string take_text(std::uint64_t size) {
    if (size > kMaxExtension)
      fail("an extension header of at most 1 MiB", std::to_string(size) + " bytes");
    return std::string(as_text(take_data(size).read_all()));
  }

  void read_entry(Bytes header) {
    const auto size = number(header, kSize, "a member's size");
    if (size > kMaxSize) fail("a member's size", "a number too large");
    switch (const auto type = static_cast<char>(header[kType])) {
      case 'L':
        pending_.name = take_text(size);
        pending_.name->resize(std::min(pending_.name->find('\0'), pending_.name->size()));
        break;
      case 'K':  // a link's long target
        take_text(size);
        break;
      case 'x':
        read_pax(take_text(size), true);
        break;
      case 'g':
        read_pax(take_text(size), false);
        break;
      case 'S':
      case 'M':
        fail("a whole member", type == 'S' ? "a sparse one" : "one of several volumes");
      case '\0':
      case '0':
      case '7':
        add_member(header, size);
        break;
      case '1':
      case '2':
      case '3':
      case '4':
      case '5':
      case '6':
        pending_ = {};  // a link's size counts nothing that follows
        break;
      default:
        take_data(pending_.size.value_or(size));
        pending_ = {};
    }
  }

  void add_member(Bytes header, std::uint64_t size) {
    if (members_.size() == kMaxMembers) fail("at most 16777216 members", "more");
    TarMember member;
    member.name = pending_.name ? *pending_.name : short_name(header);
    if (member.name.empty() || member.name.size() > kMaxMemberName)
      fail("a member's name of 1 to 4096 bytes", std::to_string(member.name.size()));
    if (pending_.size) size = *pending_.size;
    member.offset = at_;
    member.bytes = take_data(size);
    pending_ = {};
    // v7 wrote folders as empty files with a slash.
    if (member.name.back() != '/') members_.push_back(std::move(member));
  }

  static std::string short_name(Bytes header) {
    const std::string name(text_of(header, kName));
    // GNU's older format keeps times where ustar has the prefix.
    const bool ustar = starts_with(header.subspan(kMagicField.at), std::string_view("ustar\0", 6));
    const auto prefix = ustar ? text_of(header, kPrefix) : std::string_view();
    return prefix.empty() ? name : std::string(prefix) + "/" + name;
  }

  /// Records `LENGTH key=value\n`, the length counting all of it.
  void read_pax(std::string_view text, bool for_next) {
    while (!text.empty()) {
      std::size_t length = 0;
      std::size_t digits = 0;
      while (digits < text.size() && digits < 8 && text[digits] >= '0' && text[digits] <= '9')
        length = length * 10 + static_cast<std::size_t>(text[digits++] - '0');
      if (digits == 0 || digits >= text.size() || text[digits] != ' ' || length <= digits + 1 ||
          length > text.size() || text[length - 1] != '\n')
        fail("a pax record 'LENGTH key=value'", in_quotes(text.substr(0, 40)));
      const auto record = text.substr(digits + 1, length - digits - 2);
      const auto equals = record.find('=');
      if (equals == record.npos) fail("a pax record 'LENGTH key=value'", in_quotes(record));
      take_record(record.substr(0, equals), record.substr(equals + 1), for_next);
      text.remove_prefix(length);
    }
  }

  void take_record(std::string_view key, std::string_view value, bool for_next) {
    if (key.starts_with("GNU.sparse.")) fail("a whole member", "a sparse one");
    if (key != "path" && key != "size") return;
    if (!for_next) fail("a global pax header without a path or size", in_quotes(key));
    if (key == "path") {
      if (value.find('\0') != value.npos) fail("a path", in_quotes(value));
      pending_.name = std::string(value);
      return;
    }
    std::uint64_t size = 0;
    for (const auto c : value) {
      if (c < '0' || c > '9' || size > kMaxSize) fail("a member's size", in_quotes(value));
      size = size * 10 + static_cast<std::uint64_t>(c - '0');
    }
    if (value.empty() || size > kMaxSize) fail("a member's size", in_quotes(value));
    pending_.size = size;
  }

  ByteRange archive_;
  const std::string& source_;
  std::uint64_t at_ = 0;
  std::uint64_t start_ = 0;  // of the header being read
  Pending pending_;
  std::vector<TarMember> members_;
};

}  // namespace

std::vector<TarMember> read_tar_members(ByteRange archive, const std::string& source) {
  return TarReader(std::move(archive), source).run();
}

std::vector<TarMember> read_tar(const std::filesystem::path& path) {
  return read_tar_members(open_bytes(path), path.string());
}

}  // namespace vit::io
