#include "vit/io/torch_file.h"

#include <algorithm>

#include "bytes.h"
#include "text.h"
#include "torch_formats.h"
#include "vit/core/error.h"

namespace vit::io {
namespace {

constexpr std::size_t kTarHeader = 512;

bool is_tar(Bytes start) {
  return start.size() == kTarHeader && starts_with(start.subspan(257), "ustar");
}

bool has_tensors(const PickleValue& value) {
  const auto* items = value.dict();
  return items != nullptr && std::any_of(items->begin(), items->end(), [](const auto& item) {
           return item.second.tensor() != nullptr;
         });
}

std::string list_keys(const PickleValue& root) {
  constexpr std::size_t kShown = 20;
  const auto* items = root.dict();
  if (items == nullptr) return "no dict";
  std::string text;
  std::size_t shown = 0;
  for (const auto& [key, value] : *items) {
    if (key.string() == nullptr) continue;
    text += (text.empty() ? "" : ", ") + in_quotes(*key.string());
    if (++shown == kShown) return text + ", ...";
  }
  return text.empty() ? "no keys" : text;
}

/// The first entry that would do; empty where none does.
std::string hint_at_key(const PickleValue& root) {
  if (const auto* items = root.dict(); items != nullptr)
    for (const auto& [key, value] : *items)
      if (key.string() != nullptr && has_tensors(value))
        return format(" (`state_key` {} reads one)", *key.string());
  return "";
}

/// The key of the entry that holds the tensors; empty: the object itself does.
std::string choose(const PickleValue& root, const std::string& source, const std::string& key,
                   const std::vector<std::string>& candidates) {
  const auto holds = [&](const std::string& name) {
    const auto* entry = root.find(name);
    return entry != nullptr && has_tensors(*entry);
  };
  if (!key.empty()) {
    if (!holds(key))
      throw DataError("{}: expected a dict of tensors under {}, found {} (keys: {})", source,
                      in_quotes(key), root.find(key) == nullptr ? "none" : "something else",
                      list_keys(root));
    return key;
  }
  for (const auto& candidate : candidates)
    if (holds(candidate)) return candidate;
  if (!has_tensors(root))
    throw DataError("{}: expected a dict of tensors, found {}{}", source, list_keys(root),
                    hint_at_key(root));
  return "";
}

}  // namespace

PickleValue read_torch_file(const std::filesystem::path& path, const TorchFileOptions& options) {
  const auto file = open_bytes(path);
  const auto start = file.read_start(kTarHeader);
  const auto source = path.string();
  if (starts_with(start, "PK")) return read_torch_zip(file, source, options);
  if (is_tar(start))
    throw DataError(
        "{}: a tar archive (PyTorch 0.1) is not supported: save it again with a newer "
        "PyTorch",
        source);
  if (starts_with(start, "\x80")) return read_torch_legacy(file, source);
  throw DataError("{}: expected a PyTorch file (a zip, or a pickle before 1.6), found {}", source,
                  start.empty() ? "an empty file"
                                : "one that starts with " + in_quotes(as_text(start).substr(0, 8)));
}

TensorTable select_state_dict(const PickleValue& root, const std::string& source,
                              const std::string& key, const std::vector<std::string>& candidates,
                              std::string* chosen) {
  const auto found = choose(root, source, key, candidates);
  if (chosen != nullptr) *chosen = found;
  TensorTable table(source);
  for (const auto& [name, value] : *(found.empty() ? root : *root.find(found)).dict()) {
    if (name.string() == nullptr)
      throw DataError("{}: expected a state dict with names as keys, found a key that is none",
                      source);
    if (value.tensor() == nullptr) continue;
    auto entry = *value.tensor();
    entry.name = *name.string();
    table.add(std::move(entry));
  }
  return table;
}

}  // namespace vit::io
