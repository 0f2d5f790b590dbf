#include "npy_array.h"

#include <algorithm>
#include <array>
#include <optional>

#include "geometry.h"
#include "text.h"
#include "vit/core/error.h"

namespace vit::io {
namespace {

constexpr std::size_t kMaxHeaderText = 1U << 16;

/// A cursor over the header's Python literal, of the kind that numpy writes:
/// {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
class Literal {
 public:
  Literal(std::string_view text, const std::string& where) : text_(text), where_(where) {}

  bool take(std::string_view token) {
    skip_blanks();
    if (!text_.substr(at_).starts_with(token)) return false;
    at_ += token.size();
    return true;
  }

  void expect(std::string_view token) {
    if (!take(token)) fail(in_quotes(token));
  }

  std::string_view string() {
    skip_blanks();
    const char quote = at_ < text_.size() ? text_[at_] : '\0';
    const auto end = text_.find(quote, at_ + 1);
    if ((quote != '\'' && quote != '"') || end == std::string_view::npos) fail("a string");
    const auto result = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    return result;
  }

  std::int64_t number() {
    skip_blanks();
    std::int64_t value = 0;
    const auto start = at_;
    for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_)
      if (__builtin_mul_overflow(value, 10, &value) ||
          __builtin_add_overflow(value, text_[at_] - '0', &value))
        fail("a number below 2^63");
    if (at_ == start) fail("a whole number");
    take("L");  // Python 2 wrote 3L
    return value;
  }

  bool boolean() {
    if (take("True")) return true;
    expect("False");
    return false;
  }

  bool at_end() {
    skip_blanks();
    return at_ == text_.size();
  }

  [[noreturn]] void fail(const std::string& expected) {
    throw DataError("{}: expected {} in the array's header, found {}", where_, expected,
                    at_ < text_.size() ? in_quotes(text_.substr(at_, 16)) : "its end");
  }

 private:
  void skip_blanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t'))
      ++at_;
  }

  std::string_view text_;
  const std::string& where_;
  std::size_t at_ = 0;
};

struct Description {
  std::string_view code;  ///< without the byte order
  DType dtype;
};

constexpr std::array<Description, 11> kDescriptions{{{"b1", DType::kBool},
                                                     {"u1", DType::kU8},
                                                     {"i1", DType::kI8},
                                                     {"i2", DType::kI16},
                                                     {"i4", DType::kI32},
                                                     {"i8", DType::kI64},
                                                     {"f2", DType::kF16},
                                                     {"f4", DType::kF32},
                                                     {"f8", DType::kF64},
                                                     // ml_dtypes' bfloat16, as numpy knows it.
                                                     {"V2", DType::kBF16},
                                                     {"bfloat16", DType::kBF16}}};

void set_type(NpyHeader& header, std::string_view description, const std::string& where) {
  auto code = description;
  const char order = code.empty() ? '\0' : code[0];
  if (order == '<' || order == '>' || order == '|' || order == '=') code.remove_prefix(1);
  if (code.starts_with('O'))
    throw DataError("{}: an array of Python objects is not supported", where);
  const auto* found = std::find_if(kDescriptions.begin(), kDescriptions.end(),
                                   [&](const Description& d) { return d.code == code; });
  if (found == kDescriptions.end())
    throw DataError("{}: type {} is not supported", where, in_quotes(description));
  header.dtype = found->dtype;
  header.big_endian = order == '>' && size_of(found->dtype) > 1;
}

std::vector<std::int64_t> parse_shape(Literal& text) {
  std::vector<std::int64_t> shape;
  text.expect("(");
  while (!text.take(")")) {
    if (shape.size() == kMaxRank) text.fail(format("at most {} dimensions", kMaxRank));
    shape.push_back(text.number());
    if (!text.take(",")) {
      text.expect(")");
      break;
    }
  }
  return shape;
}

void parse_literal(NpyHeader& header, std::string_view dictionary, const std::string& where) {
  Literal text(dictionary, where);
  bool descr = false;
  bool order = false;
  bool shape = false;
  const auto once = [&](bool& seen) {
    if (seen) text.fail("each key once");
    seen = true;
  };
  text.expect("{");
  while (!text.take("}")) {
    const auto key = text.string();
    text.expect(":");
    if (key == "descr") {
      once(descr);
      if (text.take("[")) throw DataError("{}: an array of records is not supported", where);
      set_type(header, text.string(), where);
    } else if (key == "fortran_order") {
      once(order);
      header.fortran_order = text.boolean();
    } else if (key == "shape") {
      once(shape);
      header.shape = parse_shape(text);
    } else {
      throw DataError("{}: expected descr, fortran_order and shape in the array's header, found {}",
                      where, in_quotes(key));
    }
    if (!text.take(",")) {
      text.expect("}");
      break;
    }
  }
  if (!text.at_end() || !descr || !order || !shape)
    text.fail("descr, fortran_order and shape alone");
}

/// The bytes of each element in reverse order.
class SwappedSource : public ByteSource {
 public:
  SwappedSource(ByteRange from, std::size_t element) : from_(std::move(from)), element_(element) {}

  std::uint64_t size() const override { return from_.size(); }
  void read(std::uint64_t offset, std::span<std::byte> to) const override {
    if (offset % element_ != 0 || to.size() % element_ != 0) return read_within(offset, to);
    from_.read(offset, to);
    for (auto at = to.begin(); at != to.end(); at += static_cast<std::ptrdiff_t>(element_))
      std::reverse(at, at + static_cast<std::ptrdiff_t>(element_));
  }

 private:
  /// By way of the whole elements around.
  void read_within(std::uint64_t offset, std::span<std::byte> to) const {
    const auto begin = offset / element_ * element_;
    const auto end = (offset + to.size() + element_ - 1) / element_ * element_;
    std::vector<std::byte> whole(end - begin);
    read(begin, whole);
    std::copy_n(whole.begin() + static_cast<std::ptrdiff_t>(offset - begin), to.size(), to.begin());
  }

  ByteRange from_;
  std::size_t element_;
};

}  // namespace

NpyHeader parse_npy_header(Bytes bytes, const std::string& where) {
  constexpr std::string_view kNpyMagic = "\x93NUMPY";
  if (bytes.size() < 10 || !starts_with(bytes, kNpyMagic))
    throw DataError("{}: expected a numpy array (.npy), found {}", where,
                    bytes.empty()
                        ? "an empty file"
                        : in_quotes(as_text(bytes.first(std::min<std::size_t>(bytes.size(), 6)))));
  const auto version = std::to_integer<int>(bytes[6]);
  if (version < 1 || version > 3)
    throw DataError("{}: expected .npy version 1, 2 or 3, found {}", where, version);
  const std::size_t start = version == 1 ? 10 : 12;
  if (bytes.size() < start) throw DataError("{}: the array's header is cut short", where);
  const std::size_t length = version == 1 ? load_le<std::uint16_t>(bytes.data() + 8)
                                          : load_le<std::uint32_t>(bytes.data() + 8);
  if (length > std::min(kMaxHeaderText, bytes.size() - start))
    throw DataError("{}: expected an array's header of at most {} bytes, found a length of {}",
                    where, std::min(kMaxHeaderText, bytes.size() - start), length);
  NpyHeader header;
  header.data_offset = start + length;
  parse_literal(header, as_text(bytes.subspan(start, length)), where);
  const auto size = contiguous_bytes(header.dtype, header.shape);
  if (!size)
    throw DataError("{}: expected a shape whose size can be counted, found {}", where,
                    header.shape);
  header.data_bytes = *size;
  return header;
}

TensorEntry parse_npy(const ByteRange& bytes, const std::string& where) {
  auto header = parse_npy_header(bytes.read_start(kMaxNpyHeader), where);
  const auto data = bytes.part(header.data_offset);
  if (data.size() != header.data_bytes)
    throw DataError("{}: expected {} bytes for shape {} of {}, found {}", where, header.data_bytes,
                    header.shape, name_of(header.dtype), data.size());
  TensorEntry entry;
  entry.dtype = header.dtype;
  entry.data = header.big_endian
                   ? ByteRange(std::make_shared<SwappedSource>(data, size_of(header.dtype)))
                   : data;
  if (header.fortran_order) {
    auto reversed = header.shape;
    std::reverse(reversed.begin(), reversed.end());
    entry.strides = contiguous_strides(reversed);
    std::reverse(entry.strides.begin(), entry.strides.end());
    if (is_contiguous(header.shape, entry.strides)) entry.strides.clear();
  }
  entry.shape = std::move(header.shape);
  return entry;
}

}  // namespace vit::io
