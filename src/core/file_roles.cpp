#include "vit/core/file_roles.h"

#include <sys/stat.h>

#include "vit/core/error.h"
#include "vit/core/file.h"

namespace vit {
namespace fs = std::filesystem;
namespace {

fs::path folder_of(const fs::path& path) {
  return path.parent_path().empty() ? fs::path(".") : path.parent_path();
}

/// The name of a file whose folder does not exist yet.
fs::path future_place(const fs::path& path) {
  std::error_code ignored;
  return fs::weakly_canonical(fs::absolute(path, ignored), ignored);
}

/// The tree among `trees` that `folder` is or lies in.
const std::string* enclosing(const std::map<FileId, std::string>& trees, const fs::path& folder) {
  std::error_code ignored;
  // What does not exist yet (folders to be made) lies where its nearest existing ancestor lies.
  for (auto at = fs::weakly_canonical(folder, ignored); !at.empty(); at = at.parent_path()) {
    if (const auto id = file_id(at); id && trees.contains(*id)) return &trees.at(*id);
    if (at == at.parent_path()) break;
  }
  return nullptr;
}

}  // namespace

std::optional<FileId> file_id(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return FileId{status.st_dev, status.st_ino};
}

void FileRoles::reads(const fs::path& path) {
  const auto id = file_id(path);
  if (!id) return;
  const std::lock_guard lock(mutex_);
  check_input(*id);
  inputs_.emplace(*id, path.string());
}

void FileRoles::reads_once(const fs::path& path) {
  const auto id = file_id(path);
  if (!id) return;
  const std::lock_guard lock(mutex_);
  check_input(*id);
}

void FileRoles::reads_member(const fs::path& path) {
  reads(path);
  const auto folder = file_id(folder_of(path));
  if (!folder || !file_id(path)) return;
  const std::lock_guard lock(mutex_);
  members_.emplace(*folder, path.string());
  for (const auto& [name, output] : folders_) check_members(output);
}

void FileRoles::check_members(const Output& folder) const {
  const auto id = file_id(folder.path);  // it may have been made meanwhile
  if (const auto found = id ? members_.find(*id) : members_.end(); found != members_.end())
    throw UsageError("{}: the output folder holds an input, {}", folder.name, found->second);
}

void FileRoles::check_input(const FileId& id) const {
  for (const auto& [name, output] : outputs_)
    if (output.id == id) throw UsageError("{}: the output is also an input", name);
}

void FileRoles::reads_tree(const fs::path& folder) {
  const auto id = file_id(folder);
  if (!id) return;
  const std::lock_guard lock(mutex_);
  trees_.emplace(*id, folder.string());
  for (const auto& [name, output] : outputs_) check_output(output);
  for (const auto& [name, output] : folders_) check_output(output);
}

void FileRoles::check_output(const Output& output) const {
  if (output.id && (inputs_.contains(*output.id) || trees_.contains(*output.id)))
    throw UsageError("{}: the output is also an input", output.name);
  if (const auto* tree = enclosing(trees_, folder_of(output.path)))
    throw UsageError("{}: the output lies in {}, which is an input", output.name, *tree);
}

void FileRoles::writes(const fs::path& path, bool force) {
  const auto target = find_output_target(path);
  if (target.special) return;
  const Output output{target.path, path.string(), file_id(target.path),
                      file_id(folder_of(target.path))};
  const std::lock_guard lock(mutex_);
  check_output(output);
  for (const auto& [name, other] : outputs_) {
    const bool same_place = output.folder ? output.folder == other.folder &&
                                                output.path.filename() == other.path.filename()
                                          : future_place(output.path) == future_place(other.path);
    if (same_place || (output.id && output.id == other.id))
      throw UsageError("{}: the output is also another output, {}", output.name, name);
  }
  std::error_code ignored;
  if (fs::is_directory(target.path, ignored))
    throw IoError("{}: expected a file to write to, found a folder", output.name);
  if (output.id && !force) throw IoError("{}: exists already (`force` replaces it)", output.name);
  outputs_.emplace(output.name, output);
}

void FileRoles::writes_folder(const fs::path& folder) {
  const Output output{folder, folder.string(), file_id(folder), std::nullopt};
  const std::lock_guard lock(mutex_);
  check_output(output);
  check_members(output);
  folders_.emplace(output.name, output);
}

void FileRoles::writes_into_folder(const fs::path& path) {
  const auto id = file_id(find_output_target(path).path);
  const std::lock_guard lock(mutex_);
  if (id && inputs_.contains(*id))
    throw UsageError("{}: the output is also an input", path.string());
}

}  // namespace vit
