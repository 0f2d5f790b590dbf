#include "vit/train/run_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "tensorboard.h"
#include "vit/core/contains.h"
#include "vit/core/file.h"
#include "vit/io/safetensors.h"
#include "vit/report/training_page.h"

namespace vit::train {
namespace fs = std::filesystem;
namespace {

constexpr auto kArgs = "args.json";
constexpr auto kCheckpoints = "checkpoints";
constexpr std::array kModelFiles{"best.safetensors", "last.safetensors"};
constexpr std::array kCheckpointFiles{"manifest.json",        "model.safetensors",
                                      "training.safetensors", "dataset.safetensors",
                                      "best.safetensors",     "state.json"};

bool is_there(const fs::path& path) {
  std::error_code none;
  return fs::exists(fs::symlink_status(path, none));
}

/// Itself, not through a link.
bool is_plain_file(const fs::path& path) {
  std::error_code none;
  return fs::is_regular_file(fs::symlink_status(path, none));
}

bool is_plain_folder(const fs::path& path) {
  std::error_code none;
  return fs::is_directory(fs::symlink_status(path, none));
}

/// Null where the file is no JSON.
Json read_json_of(const fs::path& path) {
  try {
    auto json = Json::parse(read_file(path), nullptr, /*allow_exceptions=*/false);
    return json.is_discarded() ? Json() : json;
  } catch (const Error&) {
    return {};
  }
}

bool is_own_args(const fs::path& path) {
  if (!is_plain_file(path)) return false;
  const auto json = read_json_of(path);
  return json.is_object() && json.contains("data") && json.contains("output") &&
         json.contains("model_args") && json.contains("recipe") && json.contains("epochs");
}

/// At most `count` bytes.
std::string read_start(const fs::path& path, std::size_t count) {
  std::ifstream in(path, std::ios::binary);
  std::string bytes(count, '\0');
  in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<std::size_t>(in.gcount()));
  return bytes;
}

bool is_own_report(const fs::path& path) {
  if (!is_plain_file(path)) return false;
  return read_start(path, 512).find(report::kTrainingPageMark) != std::string::npos;
}

std::string read_first_line(const fs::path& path) {
  const auto start = read_start(path, 4096);
  return start.substr(0, start.find('\n'));
}

bool is_own_log(const fs::path& path) {
  if (!is_plain_file(path)) return false;
  const auto line = read_first_line(path);
  return line.empty() || line.starts_with("{\"event\":");
}

bool is_own_summary(const fs::path& path) {
  if (!is_plain_file(path)) return false;
  const auto line = read_first_line(path);
  return line.empty() || line.starts_with("epoch,step,train_loss,");
}

bool is_own_event_file(const fs::path& path) {
  return is_plain_file(path) && read_first_line(path).find("brain.Event:2") != std::string::npos;
}

bool is_own_model(const fs::path& path) {
  if (!is_plain_file(path)) return false;
  try {
    return io::read_safetensors(path).metadata.contains("vit.config");
  } catch (const Error&) {
    return false;
  }
}

/// A checkpoint's file, or what a killed process left of one (`state.json.a1b2c3`).
bool is_checkpoint_file(const std::string& name) {
  if (contains(kCheckpointFiles, name)) return true;
  const fs::path path(name);
  return path.extension().string().size() == 7 && contains(kCheckpointFiles, path.stem().string());
}

/// step-N with a manifest, or step-N.tmp, and in it only files of a checkpoint's names.
bool is_own_checkpoint(const fs::path& path) {
  if (!is_plain_folder(path)) return false;
  auto name = path.filename().string();
  const bool unfinished = name.ends_with(".tmp");
  if (unfinished) name.resize(name.size() - 4);
  constexpr std::string_view kNamePrefix = "step-";
  if (!name.starts_with(kNamePrefix) || name.size() == kNamePrefix.size() ||
      name.find_first_not_of("0123456789", kNamePrefix.size()) != std::string::npos)
    return false;
  for (const auto& entry : fs::directory_iterator(path))
    if (!is_plain_file(entry.path()) || !is_checkpoint_file(entry.path().filename().string()))
      return false;
  if (unfinished) return true;
  const auto manifest = read_json_of(path / "manifest.json");
  return manifest.is_object() && manifest.contains("files");
}

void inspect_checkpoints(RunFolder& folder) {
  const auto path = folder.path / kCheckpoints;
  std::error_code none;
  if (!fs::is_directory(path, none)) {  // a link to a folder (on another disk) is followed
    folder.foreign.emplace_back(kCheckpoints);
    return;
  }
  for (const auto& entry : fs::directory_iterator(path)) {
    const auto name = entry.path().filename().string();
    if (name.starts_with("step-")) folder.has_checkpoints = true;
    if (folder.has_run && is_own_checkpoint(entry.path()))
      folder.own.push_back(entry.path());
    else
      folder.foreign.push_back(format("{}/{}", kCheckpoints, name));
  }
  if (folder.has_run && is_plain_folder(path)) folder.own.push_back(path);
}

void inspect_file(RunFolder& folder, const char* name, bool (*is_own)(const fs::path&)) {
  if (!is_there(folder.path / name)) return;
  if (folder.has_run && is_own(folder.path / name))
    folder.own.push_back(folder.path / name);
  else
    folder.foreign.emplace_back(name);
}

void inspect_contents(RunFolder& folder) {
  folder.is_empty = fs::is_empty(folder.path);
  folder.has_run = is_own_args(folder.path / kArgs);
  if (is_there(folder.path / kCheckpoints)) inspect_checkpoints(folder);
  for (const auto* name : kModelFiles) {
    folder.has_model_files = folder.has_model_files || is_there(folder.path / name);
    inspect_file(folder, name, is_own_model);
  }
  inspect_file(folder, "log.jsonl", is_own_log);
  inspect_file(folder, "summary.csv", is_own_summary);
  inspect_file(folder, "report.html", is_own_report);
  inspect_file(folder, kEventFile, is_own_event_file);
  inspect_file(folder, kArgs, is_own_args);
}

}  // namespace

RunLock::RunLock(const fs::path& folder)
    : descriptor_(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  if (descriptor_ < 0)
    throw IoError("{}: cannot be opened: {}", folder.string(), std::strerror(errno));
  // The folder itself is locked. Where it cannot be (some network file systems), nothing is.
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    ::close(descriptor_);
    throw IoError("{}: another run is writing to this folder", folder.string());
  }
}

RunLock::~RunLock() { ::close(descriptor_); }

RunFolder inspect_run_folder(const fs::path& path) {
  RunFolder folder;
  folder.path = path;
  if (!is_there(path)) return folder;
  std::error_code none;
  if (!fs::is_directory(path, none))
    throw IoError("{}: expected a folder to write the run to", path.string());
  try {
    inspect_contents(folder);
  } catch (const fs::filesystem_error& error) {
    throw IoError("{}: cannot be read: {}", path.string(), error.code().message());
  }
  return folder;
}

void check_nothing_foreign(const RunFolder& folder) {
  if (folder.foreign.empty()) return;
  const auto more = folder.foreign.size() - 1;
  throw IoError("{}: {}{} has the name of a run's file, but no run wrote it: it is left alone",
                folder.path.string(), folder.foreign.front(),
                more > 0 ? format(" (and {} more)", more) : "");
}

void remove_run(const RunFolder& folder) {
  for (const auto& path : folder.own) {
    std::error_code error;
    if (path.parent_path() == folder.path / kCheckpoints)
      fs::remove_all(path, error);
    else
      fs::remove(path, error);  // of a folder: only where it is empty
    if (error && error != std::errc::directory_not_empty)
      throw IoError("{}: cannot be removed: {}", path.string(), error.message());
  }
}

TrainOptions read_args(const fs::path& folder) {
  const auto file = folder / kArgs;
  const auto json = Json::parse(read_file(file), nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded())
    throw DataError("{}: expected the options of a run, found no JSON", file.string());
  return options_from_json(json, file.string());
}

}  // namespace vit::train
