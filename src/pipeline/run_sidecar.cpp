#include "run_sidecar.h"

#include <unistd.h>

#include "vit/core/error.h"
#include "vit/core/file.h"
#include "vit/core/text.h"

namespace vit::pipeline {
namespace fs = std::filesystem;
namespace {

constexpr int kVersion = 1;

/// None where it is no record of a run.
std::optional<Json> read_record(const fs::path& path) {
  Json json;
  try {
    json = Json::parse(read_file(path), nullptr, /*allow_exceptions=*/false);
  } catch (const Error&) {
    return std::nullopt;
  }
  const bool whole = json.is_object() && json.value("version", Json()) == kVersion &&
                     json.contains("run") && json["run"].is_object() && json.contains("model") &&
                     json["model"].is_array();
  return whole ? std::optional(std::move(json)) : std::nullopt;
}

Json stamp_json(const FileStamp& stamp) {
  return {{"file", printable(stamp.file.string())},
          {"device", stamp.device},
          {"inode", stamp.inode},
          {"size", stamp.size},
          {"changed_ns", stamp.changed_ns}};
}

std::string shown(const Json& json, const std::string& key) {
  return json.contains(key) ? json[key].dump(-1, ' ', false, Json::error_handler_t::replace)
                            : "nothing";
}

/// Where two lists differ: the first place of `a` and `b`.
std::string describe_lists(const Json& a, const Json& b) {
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i)
    if (a[i] != b[i])
      return format("expected {} in place {} as in the run that began it, found {}", a[i].dump(),
                    i + 1, b[i].dump());
  return format("expected {} as in the run that began it, found {}", a.size(), b.size());
}

std::string describe(const Json& recorded, const Json& now, const std::string& key) {
  if (recorded.contains(key) && now.contains(key) && recorded[key].is_array() &&
      now[key].is_array())
    return describe_lists(recorded[key], now[key]);
  return format("expected {} as in the run that began it, found {}", shown(recorded, key),
                shown(now, key));
}

}  // namespace

fs::path sidecar_of(const fs::path& part) {
  auto path = part;
  path += ".json";
  return path;
}

RunSidecar::RunSidecar(fs::path part, RunRecord record)
    : part_(std::move(part)),
      path_(sidecar_of(part_)),
      record_(std::move(record)),
      digests_(record_.model) {
  std::error_code ignored;
  exists_ = fs::exists(fs::symlink_status(path_, ignored));
  if (exists_) found_ = read_record(path_);
}

void RunSidecar::expect_same_run() {
  if (!found_)
    throw UsageError("{}: cannot be resumed: {}, which says what made it, is {} (move {} away)",
                     part_.string(), path_.string(), exists_ ? "damaged" : "missing",
                     part_.string());
  const auto& recorded = (*found_)["run"];
  const auto expect_same = [&](const std::string& key) {
    if (recorded.contains(key) != record_.facts.contains(key) ||
        (recorded.contains(key) && recorded[key] != record_.facts[key]))
      throw UsageError("{}: {}: {}", part_.string(), key, describe(recorded, record_.facts, key));
  };
  for (const auto& [key, value] : recorded.items()) expect_same(key);
  for (const auto& [key, value] : record_.facts.items()) expect_same(key);
  expect_same_model((*found_)["model"]);
}

void RunSidecar::expect_same_model(const Json& recorded) {
  bool same = recorded.size() == record_.model.size();
  for (std::size_t i = 0; same && i < recorded.size(); ++i) {
    auto stamp = stamp_json(record_.model[i]);
    auto then = recorded[i];
    for (auto* json : {&stamp, &then}) json->erase("file");
    const auto digest = then.is_object() ? then.value("digest", "") : "";
    then.erase("digest");
    if (stamp == then) continue;  // nobody wrote to it
    same = !digest.empty() && stamp["size"] == then.value("size", Json()) &&
           digests_.get()[i] == digest;
  }
  if (!same)
    throw UsageError("{}: model: expected the one that began it, found another (or a changed one)",
                     part_.string());
}

void RunSidecar::write() {
  Json model = Json::array();
  const bool ready = digests_.ready();
  for (std::size_t i = 0; i < record_.model.size(); ++i) {
    model.push_back(stamp_json(record_.model[i]));
    if (ready && !digests_.get()[i].empty()) model.back()["digest"] = digests_.get()[i];
  }
  const Json json{{"version", kVersion}, {"run", record_.facts}, {"model", std::move(model)}};
  write_file(path_, json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n");
  exists_ = true;
  complete_ = ready;
}

void RunSidecar::complete() {
  if (!complete_ && digests_.ready()) write();
}

void RunSidecar::remove() {
  ::unlink(path_.c_str());
  exists_ = false;
}

}  // namespace vit::pipeline
