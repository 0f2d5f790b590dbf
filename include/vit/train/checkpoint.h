// Checkpoint folders that are whole or not there, and are only trusted when they verify.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "vit/core/log.h"

namespace vit::train {

/// `folder/step-N`, and the step it was written at.
struct Checkpoint {
  std::filesystem::path path;
  std::int64_t step = 0;
};

/// Checkpoints in `folder`, newest first; nothing is verified. Empty where there is no folder.
std::vector<Checkpoint> list_checkpoints(const std::filesystem::path& folder);

/// Makes `folder/step-N`: `write` puts synced files into `step-N.tmp`, then a manifest with sizes
/// and SHA-256, sync, rename, sync. Afterwards the newest `keep` remain (at least two) and
/// unfinished folders are removed. On an error (disk full) the earlier ones stay as they are.
/// Throws IoError and what `write` throws.
Checkpoint write_checkpoint(const std::filesystem::path& folder, std::int64_t step,
                            std::int64_t keep,
                            const std::function<void(const std::filesystem::path&)>& write);

/// What is wrong with a checkpoint against its manifest; empty: nothing.
std::string verify_checkpoint(const std::filesystem::path& checkpoint);

/// The newest checkpoint in `folder` that verifies. Those that don't are named in a warning.
std::optional<Checkpoint> find_checkpoint(const std::filesystem::path& folder, Log& log);

}  // namespace vit::train
