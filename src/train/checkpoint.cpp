#include "vit/train/checkpoint.h"

#include <fcntl.h>

#include <algorithm>
#include <cstdio>

#include "vit/core/file.h"
#include "vit/core/sha256.h"

namespace vit::train {
namespace fs = std::filesystem;
namespace {

constexpr auto kManifest = "manifest.json";
const std::string kPrefix = "step-";
const std::string kUnfinished = ".tmp";

std::optional<std::int64_t> step_of(const std::string& name) {
  if (!name.starts_with(kPrefix)) return std::nullopt;
  const auto digits = name.substr(kPrefix.size());
  if (digits.empty() || digits.size() > 18 ||
      digits.find_first_not_of("0123456789") != std::string::npos)
    return std::nullopt;
  return std::stoll(digits);
}

std::string manifest_of(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  Json entries = Json::object();
  for (const auto& file : files)
    entries[file.filename().string()] = {{"size", fs::file_size(file)},
                                         {"sha256", sha256_file(file)}};
  return Json{{"files", entries}}.dump(2) + "\n";
}

void remove_old(const fs::path& folder, std::int64_t keep) {
  const auto checkpoints = list_checkpoints(folder);
  for (std::size_t i = 0; i < checkpoints.size(); ++i)
    if (static_cast<std::int64_t>(i) >= std::max<std::int64_t>(keep, 2))
      fs::remove_all(checkpoints[i].path);
  std::vector<fs::path> unfinished;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const auto stem = entry.path().stem().string();
    if (entry.path().extension() == kUnfinished && step_of(stem))
      unfinished.push_back(entry.path());
  }
  for (const auto& path : unfinished) fs::remove_all(path);
}

/// Puts the finished folder in its place. One of the same step (written before its epoch was
/// evaluated) is exchanged with it in one go: at every moment one of the two has the name.
void put_in_place(const fs::path& finished, const fs::path& path) {
  if (::renameat2(AT_FDCWD, finished.c_str(), AT_FDCWD, path.c_str(), RENAME_EXCHANGE) == 0) {
    fs::remove_all(finished);
    return;
  }
  // Nothing there, as nearly always; or a file system that cannot exchange.
  fs::remove_all(path);
  fs::rename(finished, path);
}

std::string check_file(const fs::path& file, const Json& expected) {
  std::error_code error;
  const auto size = fs::file_size(file, error);
  if (error) return format("{}: missing", file.string());
  if (Json(size) != expected["size"])
    return format("{}: expected {} bytes, found {}", file.string(), expected["size"].dump(), size);
  if (Json(sha256_file(file)) != expected["sha256"])
    return format("{}: its SHA-256 is not the manifest's", file.string());
  return "";
}

}  // namespace

std::vector<Checkpoint> list_checkpoints(const fs::path& folder) {
  std::vector<Checkpoint> checkpoints;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder, none))
    if (const auto step = step_of(entry.path().filename().string());
        step && entry.is_directory(none))
      checkpoints.push_back({entry.path(), *step});
  std::sort(checkpoints.begin(), checkpoints.end(),
            [](const Checkpoint& a, const Checkpoint& b) { return a.step > b.step; });
  return checkpoints;
}

Checkpoint write_checkpoint(const fs::path& folder, std::int64_t step, std::int64_t keep,
                            const std::function<void(const fs::path&)>& write) {
  const auto path = folder / (kPrefix + std::to_string(step));
  auto unfinished = path;
  unfinished += kUnfinished;
  try {
    fs::create_directories(folder);
    fs::remove_all(unfinished);
    fs::create_directory(unfinished);
    write(unfinished);
    write_file(unfinished / kManifest, manifest_of(unfinished));
    sync_folder(unfinished);
    put_in_place(unfinished, path);
    sync_folder(folder);
    remove_old(folder, keep);
  } catch (const fs::filesystem_error& error) {
    throw IoError("{}: cannot be written: {}", path.string(), error.code().message());
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(unfinished, ignored);
    throw;
  }
  return {path, step};
}

std::string verify_checkpoint(const fs::path& checkpoint) {
  const auto file = checkpoint / kManifest;
  try {
    const auto manifest = Json::parse(read_file(file), nullptr, /*allow_exceptions=*/false);
    const auto files = manifest.is_object() ? manifest.value("files", Json()) : Json();
    if (!files.is_object() || files.empty())
      return format("{}: expected a list of files", file.string());
    for (const auto& [name, expected] : files.items()) {
      if (!expected.is_object() || !expected.contains("size") || !expected.contains("sha256") ||
          fs::path(name).filename() != name)
        return format("{}: expected file names with size and sha256", file.string());
      if (auto problem = check_file(checkpoint / name, expected); !problem.empty()) return problem;
    }
  } catch (const Error& error) {  // unreadable
    return error.what();
  }
  return "";
}

std::optional<Checkpoint> find_checkpoint(const fs::path& folder, Log& log) {
  for (auto& checkpoint : list_checkpoints(folder)) {
    const auto problem = verify_checkpoint(checkpoint.path);
    if (problem.empty()) return checkpoint;
    log.warning("checkpoint left out: {}", problem);
  }
  return std::nullopt;
}

}  // namespace vit::train
