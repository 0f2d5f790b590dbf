#include "safetensors_header.h"

#include <algorithm>
#include <set>

#include "bytes.h"
#include "geometry.h"
#include "json_scan.h"
#include "text.h"
#include "vit/core/error.h"

namespace vit::io {
namespace {

constexpr std::size_t kMaxTensors = 1U << 16;
constexpr std::size_t kMaxName = 4096;       // bytes
constexpr std::size_t kMaxText = 16U << 20;  // bytes of all names and metadata
constexpr JsonLimits kLimits{.size = 100'000'000,
                             .depth = 3,
                             .string = 4U << 20,
                             .values = 32 * kMaxTensors,
                             .blanks = 1U << 20};
constexpr std::string_view kMetadataKey = "__metadata__";

/// Takes the header apart as it is read: no tree of it is ever in memory.
class Handler : public nlohmann::json_sax<Json> {
 public:
  Handler(const std::string& source, SafetensorsHeader& header)
      : source_(source), header_(header) {}

  bool null() override { return unexpected("null"); }
  bool boolean(bool) override { return unexpected("true or false"); }
  bool number_float(number_float_t, const string_t& text) override { return unexpected(text); }
  bool binary(binary_t&) override { return unexpected("binary"); }
  bool number_integer(number_integer_t value) override { return unexpected(format("{}", value)); }
  bool number_unsigned(number_unsigned_t value) override;
  bool string(string_t& value) override;
  bool start_object(std::size_t) override;
  bool key(string_t& name) override;
  bool end_object() override;
  bool start_array(std::size_t) override;
  bool end_array() override;
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception& found) override {
    throw_not_json(source_ + ": header", position, found);
  }

 private:
  enum class At { kFile, kTop, kMetadata, kTensor, kShape, kOffsets };
  enum Field : unsigned { kNone = 0, kDType = 1, kShapeField = 2, kOffsetsField = 4, kAll = 7 };

  HeaderTensor& tensor() { return header_.tensors.back(); }
  bool unexpected(const std::string& found);
  void set_dtype(const std::string& name);
  void start_tensor();
  void count_text(std::size_t size);

  const std::string& source_;
  SafetensorsHeader& header_;
  At at_ = At::kFile;
  std::string name_;  ///< the key that was read last
  Field field_ = kNone;
  unsigned seen_ = 0;  ///< fields of this tensor
  std::vector<std::uint64_t> offsets_;
  std::set<std::string, std::less<>> names_;
  std::size_t text_ = 0;
};

bool Handler::unexpected(const std::string& found) {
  const bool in_tensor = at_ == At::kTensor || at_ == At::kShape || at_ == At::kOffsets;
  const auto where = at_ == At::kFile       ? std::string("header")
                     : at_ == At::kMetadata ? "__metadata__ " + in_quotes(name_)
                     : in_tensor            ? "tensor " + in_quotes(tensor().name)
                                            : "header entry " + in_quotes(name_);
  const auto* expected = at_ == At::kFile || at_ == At::kTop          ? "an object"
                         : at_ == At::kMetadata                       ? "a string"
                         : at_ == At::kShape || field_ == kShapeField ? "a shape of whole numbers"
                         : at_ == At::kOffsets || field_ == kOffsetsField
                             ? "data_offsets [begin, end]"
                         : field_ == kDType ? "a type as a string"
                                            : "dtype, shape and data_offsets";
  throw DataError("{}: {}: expected {}, found {}", source_, where, expected, found);
}

void Handler::count_text(std::size_t size) {
  text_ += size;
  if (text_ > kMaxText)
    throw DataError("{}: header: expected at most {} bytes of names and metadata, found more",
                    source_, kMaxText);
}

bool Handler::number_unsigned(number_unsigned_t value) {
  if (at_ == At::kOffsets && offsets_.size() < 2) {
    offsets_.push_back(value);
  } else if (at_ == At::kShape && value <= INT64_MAX) {
    if (tensor().shape.size() == kMaxRank)
      throw DataError("{}: tensor {}: expected at most {} dimensions, found more", source_,
                      in_quotes(tensor().name), kMaxRank);
    tensor().shape.push_back(static_cast<std::int64_t>(value));
  } else {
    unexpected(format("{}", value));
  }
  return true;
}

bool Handler::string(string_t& value) {
  if (at_ == At::kTensor && field_ == kDType) {
    set_dtype(value);
  } else if (at_ == At::kMetadata) {
    count_text(value.size());
    if (!header_.metadata.emplace(name_, std::move(value)).second)
      throw DataError("{}: __metadata__ {} is there twice", source_, in_quotes(name_));
  } else {
    unexpected(in_quotes(value));
  }
  return true;
}

void Handler::set_dtype(const std::string& name) {
  const auto dtype = dtype_from_name(name);
  if (!dtype) {
    static const std::set<std::string, std::less<>> kOthers{
        "F8_E5M2", "F8_E4M3", "F8_E8M0", "F4",  "F6_E2M3",     "F6_E3M2",
        "U16",     "U32",     "U64",     "C64", "F8_E4M3FNUZ", "F8_E5M2FNUZ"};
    throw DataError("{}: tensor {}: type {} is {}", source_, in_quotes(tensor().name),
                    in_quotes(name), kOthers.contains(name) ? "not supported" : "unknown");
  }
  tensor().dtype = *dtype;
}

bool Handler::start_object(std::size_t) {
  if (at_ == At::kFile) {
    at_ = At::kTop;
  } else if (at_ == At::kTop) {
    if (name_ == kMetadataKey)
      at_ = At::kMetadata;
    else
      start_tensor();
  } else {
    unexpected("an object");
  }
  return true;
}

void Handler::start_tensor() {
  if (header_.tensors.size() == kMaxTensors)
    throw DataError("{}: header: expected at most {} tensors, found more", source_, kMaxTensors);
  at_ = At::kTensor;
  field_ = kNone;
  seen_ = 0;
  header_.tensors.emplace_back().name = name_;
}

bool Handler::key(string_t& name) {
  if (at_ == At::kTensor) {
    field_ = name == "dtype"          ? kDType
             : name == "shape"        ? kShapeField
             : name == "data_offsets" ? kOffsetsField
                                      : kNone;
    if (field_ == kNone) unexpected("key " + in_quotes(name));
    if ((seen_ & field_) != 0) unexpected(in_quotes(name) + " twice");
    seen_ |= field_;
    return true;
  }
  if (name.size() > kMaxName)
    throw DataError("{}: header: expected a name of at most {} bytes, found {}", source_, kMaxName,
                    in_quotes(name));
  count_text(name.size());
  if (at_ == At::kTop && !names_.insert(name).second)
    throw DataError("{}: tensor {} is there twice", source_, in_quotes(name));
  if (name.find('\0') != std::string::npos)
    throw DataError("{}: header: expected a name without zero bytes, found {}", source_,
                    in_quotes(name));
  name_ = std::move(name);
  return true;
}

bool Handler::end_object() {
  if (at_ == At::kTensor && seen_ != kAll) {
    field_ = kNone;
    unexpected("not all of them");
  }
  at_ = at_ == At::kTop ? At::kFile : At::kTop;
  return true;
}

bool Handler::start_array(std::size_t) {
  if (at_ == At::kTensor && field_ == kShapeField) {
    at_ = At::kShape;
  } else if (at_ == At::kTensor && field_ == kOffsetsField) {
    at_ = At::kOffsets;
    offsets_.clear();
  } else {
    unexpected("an array");
  }
  return true;
}

bool Handler::end_array() {
  if (at_ == At::kOffsets) {
    if (offsets_.size() != 2) unexpected(format("{} numbers", offsets_.size()));
    tensor().begin = offsets_[0];
    tensor().end = offsets_[1];
  }
  at_ = At::kTensor;
  return true;
}

/// The padding at the end may be long, and is no part of the JSON.
ByteRange without_padding(const ByteRange& text) {
  constexpr std::uint64_t kPiece = 1U << 16;
  for (auto size = text.size(); size > 0;) {
    const auto begin = size - std::min(size, kPiece);
    const auto piece = text.part(begin, size - begin).read_all();
    const auto last = as_text(piece).find_last_not_of(" \t\r\n");
    if (last != std::string_view::npos) return text.part(0, begin + last + 1);
    size = begin;
  }
  return {};
}

}  // namespace

SafetensorsHeader parse_safetensors_header(const ByteRange& text, const std::string& source) {
  const auto where = source + ": header";
  JsonCharacters characters(without_padding(text), where, kLimits);
  SafetensorsHeader header;
  Handler handler(source, header);
  Json::sax_parse(characters.begin(), JsonCharacters::end(), &handler);
  return header;
}

}  // namespace vit::io
