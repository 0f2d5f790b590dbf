#include "vit/io/json_text.h"

#include <set>
#include <vector>

#include "json_scan.h"
#include "text.h"
#include "vit/core/error.h"

namespace vit::io {
namespace {

/// Builds the value. nlohmann's own builder looks for each new key of an ordered object among all
/// earlier ones, one by one, and lets a second one win silently.
class Builder : public nlohmann::json_sax<Json> {
 public:
  Builder(const std::string& source, Json& root) : source_(source), root_(root) {}

  bool null() override { return put(nullptr); }
  bool boolean(bool value) override { return put(value); }
  bool number_integer(number_integer_t value) override { return put(value); }
  bool number_unsigned(number_unsigned_t value) override { return put(value); }
  bool number_float(number_float_t value, const string_t&) override { return put(value); }
  bool string(string_t& value) override { return put(std::move(value)); }
  bool binary(binary_t&) override { return false; }

  bool start_object(std::size_t) override { return open(Json::object()); }
  bool start_array(std::size_t) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(string_t& name) override {
    auto& top = open_.back();
    if (!top.keys.insert(name).second)
      throw DataError("{}: key {} is there twice", source_, in_quotes(name));
    top.key = std::move(name);
    return true;
  }

  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception& found) override {
    throw_not_json(source_, position, found);
  }

 private:
  struct Open {
    Json value;
    std::set<std::string> keys;
    std::string key;
  };

  bool put(Json value) {
    if (open_.empty()) {
      root_ = std::move(value);
      return true;
    }
    auto& top = open_.back();
    if (top.value.is_object())
      top.value.get_ref<Json::object_t&>().emplace_back(std::move(top.key), std::move(value));
    else
      top.value.get_ref<Json::array_t&>().push_back(std::move(value));
    return true;
  }

  bool open(Json value) {
    open_.push_back({std::move(value), {}, {}});
    return true;
  }

  bool close() {
    auto value = std::move(open_.back().value);
    open_.pop_back();
    return put(std::move(value));
  }

  const std::string& source_;
  Json& root_;
  std::vector<Open> open_;
};

}  // namespace

Json parse_json_bounded(std::string_view text, const std::string& source,
                        const JsonLimits& limits) {
  scan_json(text, source, limits);
  Json root;
  Builder builder(source, root);
  Json::sax_parse(text.begin(), text.end(), &builder);
  return root;
}

}  // namespace vit::io
