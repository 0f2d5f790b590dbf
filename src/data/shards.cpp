#include "vit/data/shards.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "dataset_rules.h"
#include "hash.h"
#include "tar_image.h"
#include "vit/core/error.h"
#include "vit/io/json_text.h"
#include "vit/io/tar.h"

namespace vit::data {
namespace fs = std::filesystem;
namespace {

/// Where an image lies.
struct ShardSample {
  std::size_t shard;
  std::string key;
  std::uint64_t offset, size;
  std::int64_t label;
};

/// `dir/0001` and `seg.png` of `dir/0001.seg.png`: webdataset's rule, the suffix in lower case.
struct Stem {
  std::string key;
  std::string suffix;
};

/// No key: no part of a sample.
Stem split_name(const std::string& name) {
  const auto slash = name.rfind('/');
  const auto start = slash == name.npos ? 0 : slash + 1;
  const auto dot = name.find('.', start);
  // webdataset's own notes (`__info__`), and hidden files, which macOS adds to archives.
  const bool meta = name.starts_with("__") && name.ends_with("__") && slash == name.npos;
  if (dot == name.npos || dot == start || meta) return {};
  Stem stem{name.substr(0, dot), name.substr(dot + 1)};
  for (auto& c : stem.suffix) c = lower(c);
  return stem;
}

/// The text of a member that tells a class: what is longer tells none.
std::string read_text(const io::ByteRange& range, const std::string& where) {
  constexpr std::uint64_t kMaxText = 1U << 20;
  if (range.size() > kMaxText)
    throw DataError("{}: expected a class in at most 1 MiB, found {} bytes", where, range.size());
  const auto bytes = range.read_all();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// The files of one sample, by suffix.
using Files = std::vector<std::pair<std::string, io::TarMember>>;

const io::TarMember* find_file(const Files& files, std::string_view suffix) {
  for (const auto& [name, member] : files)
    if (name == suffix) return &member;
  return nullptr;
}

std::int64_t check_label(std::int64_t label, const std::string& where) {
  if (label < 0 || label >= kMostClasses)
    throw DataError("{}: expected a class of 0 to {}, found {}", where, kMostClasses - 1, label);
  return label;
}

std::int64_t read_cls(std::string_view text, const std::string& where) {
  const auto blank = [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  const auto label = parse_class_number(text);
  if (!label) throw DataError("{}: expected a whole number in its cls file", where);
  return check_label(*label, where);
}

std::int64_t read_json_label(std::string_view text, const std::string& key,
                             const std::string& where) {
  const auto json = io::parse_json_bounded(text, where + ": json");
  if (!json.is_object() || !json.contains(key) || !json[key].is_number_integer())
    throw DataError("{}: expected a whole number '{}' in its json file", where, key);
  return check_label(json[key].get<std::int64_t>(), where);
}

class ShardDataset : public Dataset {
 public:
  ShardDataset(const std::vector<fs::path>& shards, std::int64_t channels,
               const ShardOptions& options)
      : target_key_(options.target_key), channels_(channels) {
    for (const auto& shard : shards) {
      if (std::ranges::find(shards_, shard) != shards_.end())
        throw UsageError("{}: expected each shard once, found it twice", shard.string());
      read_shard(shard);
    }
    if (samples_.empty())
      throw DataError("{}: expected samples, found none",
                      shards.empty() ? "shards" : shards.front().string());
    std::int64_t largest = 0;
    for (const auto& sample : samples_) largest = std::max(largest, sample.label);
    for (std::int64_t i = 0; i <= largest; ++i) classes_.push_back(std::to_string(i));
    has_class_names_ = false;
  }

  std::int64_t size() const override { return std::ssize(samples_); }
  std::int64_t label(std::int64_t index) const override { return at(index).label; }
  std::string name(std::int64_t index) const override {
    const auto& sample = at(index);
    return name_of(shards_[sample.shard], sample.key);
  }
  Image load(std::int64_t index) const override {
    const auto& sample = at(index);
    return load_tar_image(shards_[sample.shard], sample.offset, sample.size, name(index),
                          channels_);
  }
  std::vector<fs::path> files() const override { return shards_; }
  std::vector<std::int64_t> shard_sizes() const override { return sizes_; }
  std::uint64_t fingerprint(std::int64_t index) const override {
    const auto& sample = at(index);
    return Hash()
        .add(sample.key.data(), sample.key.size())
        .add(sample.label)
        .add(static_cast<std::int64_t>(sample.size))
        .value();
  }

 private:
  static std::string name_of(const fs::path& shard, const std::string& key) {
    return shard.string() + "/" + key;
  }

  const ShardSample& at(std::int64_t index) const {
    return samples_.at(static_cast<std::size_t>(index));
  }

  void read_shard(const fs::path& path) {
    shards_.push_back(path);
    const auto before = samples_.size();
    std::string key;
    Files files;
    for (const auto& member : io::read_tar(path)) {
      auto stem = split_name(member.name);
      if (stem.key.empty()) continue;
      if (stem.key != key) {
        add_sample(key, files);
        files.clear();
        key = stem.key;
      }
      if (find_file(files, stem.suffix) != nullptr)
        throw DataError("{}: expected one file .{}, found two", name_of(path, key), stem.suffix);
      files.emplace_back(std::move(stem.suffix), member);
    }
    add_sample(key, files);
    sizes_.push_back(static_cast<std::int64_t>(samples_.size() - before));
  }

  void add_sample(const std::string& key, const Files& files) {
    if (files.empty()) return;
    const auto where = name_of(shards_.back(), key);
    const io::TarMember* image = nullptr;
    for (const auto suffix : kImageSuffixes)
      if (image == nullptr) image = find_file(files, suffix);
    // What has no class either is no sample: notes, statistics.
    if (image == nullptr && find_file(files, "cls") == nullptr) return;
    if (image == nullptr) throw DataError("{}: expected an image (jpg, png, webp, …)", where);
    samples_.push_back(
        {shards_.size() - 1, key, image->offset, image->bytes.size(), find_label(files, where)});
  }

  std::int64_t find_label(const Files& files, const std::string& where) const {
    const auto* cls = find_file(files, "cls");
    if (target_key_.empty() && cls != nullptr) return read_cls(read_text(cls->bytes, where), where);
    const auto* json = find_file(files, "json");
    if (json == nullptr)
      throw DataError("{}: expected its class in a {} file, found none", where,
                      target_key_.empty() ? "cls or json" : "json");
    return read_json_label(read_text(json->bytes, where),
                           target_key_.empty() ? "label" : target_key_, where);
  }

  std::string target_key_;
  std::int64_t channels_;
  std::vector<fs::path> shards_;
  std::vector<ShardSample> samples_;
  std::vector<std::int64_t> sizes_;
};

}  // namespace

std::shared_ptr<const Dataset> open_shards(const std::vector<fs::path>& shards,
                                           std::int64_t channels, const ShardOptions& options) {
  check_image_channels(channels);
  return std::make_shared<ShardDataset>(shards, channels, options);
}

bool is_shard(const fs::path& path) { return path.extension() == ".tar"; }

bool holds_shards(const fs::path& folder) {
  std::error_code error;
  bool found = false;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    std::error_code none;
    if (is_hidden(entry.path().string())) continue;
    if (entry.is_directory(none)) return false;
    found = found || (is_shard(entry.path()) && entry.is_regular_file(none));
  }
  return found;
}

std::vector<fs::path> expand_shards(const fs::path& pattern) {
  std::error_code none;
  if (fs::is_directory(pattern, none)) return list_shards(pattern);
  const auto names = expand_braces(pattern.string());
  return {names.begin(), names.end()};
}

std::vector<fs::path> list_shards(const fs::path& folder) {
  std::vector<fs::path> shards;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error))
    if (std::error_code none;
        is_shard(entry.path()) && !is_hidden(entry.path().string()) && entry.is_regular_file(none))
      shards.push_back(entry.path());
  if (error) throw IoError("{}: cannot be read: {}", folder.string(), error.message());
  std::sort(shards.begin(), shards.end(), [](const fs::path& a, const fs::path& b) {
    return natural_less(a.string(), b.string());
  });
  return shards;
}

}  // namespace vit::data
