#include "plan.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "common/torch.h"
#include "timm_config.h"
#include "vit/core/contains.h"
#include "vit/core/file_roles.h"
#include "vit/data/shards.h"

namespace vit::tools {
namespace fs = std::filesystem;
namespace {

/// Each process of a distributed launch would train everything into one folder.
void refuse_distributed() {
  const char* size = std::getenv("WORLD_SIZE");
  if (size == nullptr || std::string(size).empty() || std::string(size) == "1") return;
  throw DistributedError("WORLD_SIZE is {}: distributed training is not supported yet", size);
}

/// Without `.` and `..`; where a link stands before `..`, what it points to counts.
fs::path absolute_path(const std::string& text) {
  const auto path = fs::absolute(text);
  std::error_code none;
  const bool plain = std::find(path.begin(), path.end(), "..") == path.end();
  const auto clean = plain ? path.lexically_normal() : fs::weakly_canonical(path, none);
  const auto& found = clean.empty() ? path : clean;
  return found.has_filename() || !found.has_relative_path() ? found : found.parent_path();
}

/// args.json has absolute paths, so that a run can be resumed from any folder.
void make_absolute(Json& given, const char* field) {
  if (!given.contains(field) || given[field].get<std::string>().empty()) return;
  given[field] = absolute_path(given[field].get<std::string>()).string();
}

/// Of a pattern of shards each part between `::`; one that names absolute paths is left as it is.
std::string absolute_pattern(const std::string& pattern) {
  std::string made;
  for (std::size_t begin = 0; begin != std::string::npos;) {
    const auto end = pattern.find("::", begin);
    const auto part =
        pattern.substr(begin, end == std::string::npos ? std::string::npos : end - begin);
    const auto shards = data::expand_shards(part);
    const bool absolute =
        std::ranges::all_of(shards, [](const fs::path& shard) { return shard.is_absolute(); });
    made += absolute ? part : absolute_path(part).string();
    if (end != std::string::npos) made += "::";
    begin = end == std::string::npos ? end : end + 2;
  }
  return made;
}

void make_absolute(Json& given) {
  std::error_code none;
  if (given.contains("data") && data::names_shards(given["data"].get<std::string>()) &&
      !fs::is_directory(given["data"].get<std::string>(), none))
    given["data"] = absolute_pattern(given["data"].get<std::string>());
  else
    make_absolute(given, "data");
  make_absolute(given, "output");
  make_absolute(given, "teacher");
  make_absolute(given, "labels_csv");
  if (given.value("class_weights", "balanced") != "balanced") make_absolute(given, "class_weights");
  // One that is not there by itself is looked for in the dataset's folder.
  if (fs::exists(given.value("class_map", ""), none)) make_absolute(given, "class_map");
  if (given.contains("model") && fs::exists(given["model"].get<std::string>(), none))
    make_absolute(given, "model");
}

/// The checkpoint that --resume names, where it names one and not a run folder:
/// DIR/checkpoints/step-N.
std::optional<train::Checkpoint> named_checkpoint(const Arguments& arguments) {
  if (!arguments.resume || arguments.resume->empty() || *arguments.resume == "auto")
    return std::nullopt;
  const auto folder = absolute_path(*arguments.resume);
  if (folder.parent_path().filename() != "checkpoints") return std::nullopt;
  for (auto& checkpoint : train::list_checkpoints(folder.parent_path()))
    if (checkpoint.path == folder) return checkpoint;
  std::error_code none;
  if (folder.filename().string().starts_with("step-") && !fs::exists(folder, none))
    throw IoError("{}: expected a checkpoint, found none", folder.string());
  return std::nullopt;
}

/// Not the newest of its run: what the run wrote later is not to be mixed with what follows.
void check_newest(const train::Checkpoint& checkpoint) {
  const auto newest = train::list_checkpoints(checkpoint.path.parent_path()).front();
  if (newest.step > checkpoint.step)
    throw UsageError(
        "--resume {}: its run has a newer checkpoint, {}: -o DIR begins another run from it",
        checkpoint.path.string(), newest.path.filename().string());
}

/// --resume DIR is -o DIR; so is --resume DIR/checkpoints/step-N, unless -o says otherwise: then
/// another run goes on from that checkpoint.
void merge_output(const Arguments& arguments, const Plan& plan, Json& given) {
  if (!arguments.resume) return;
  auto from = *arguments.resume;
  if (plan.checkpoint) {
    from = plan.checkpoint->path.parent_path().parent_path().string();
    std::error_code none;
    if (given.contains("output") && !fs::equivalent(given["output"].get<std::string>(), from, none))
      return;
    check_newest(*plan.checkpoint);
  }
  if (!from.empty() && from != "auto") {
    Json other{{"output", from}};
    make_absolute(other, "output");
    std::error_code none;
    if (given.contains("output") && given["output"] != other["output"] &&
        !fs::equivalent(given["output"].get<std::string>(), from, none))
      throw UsageError("--resume {}: expected the folder of -o, {}", from,
                       given["output"].get<std::string>());
    given["output"] = other["output"];
  }
  if (!given.contains("output"))
    throw UsageError("--resume: expected a run folder, by -o or after it");
  if (arguments.force)
    throw UsageError("--resume and --force: expected one of them (a resumed run replaces nothing)");
}

void check_verifies(const train::Checkpoint& checkpoint) {
  if (const auto wrong = train::verify_checkpoint(checkpoint.path); !wrong.empty())
    throw DataError("{}: {}", checkpoint.path.string(), wrong);
}

/// The checkpoint to go on from; none where --resume auto starts afresh. Nothing is ever deleted
/// here: what does not verify may still be of use to somebody.
std::optional<train::Checkpoint> choose_checkpoint(const Plan& plan, bool automatic, Log& log) {
  const auto& folder = plan.folder;
  if (folder.has_checkpoints) {
    // What a run before this file was known did not write is nobody's to replace.
    if (contains(folder.foreign, std::string("report.html"))) check_nothing_foreign(folder);
    if (auto found = train::find_checkpoint(folder.path / "checkpoints", log)) {
      log.debug("{}: verified", found->path.string());
      return found;
    }
    if (!train::list_checkpoints(folder.path / "checkpoints").empty())
      throw DataError(
          "{}: of its checkpoints none verifies; nothing was changed (--force replaces the run)",
          folder.path.string());
  }
  if (!automatic) {
    if (!fs::exists(folder.path)) throw IoError("{}: no such folder", folder.path.string());
    throw IoError(
        "{}: expected a checkpoint to resume from, found none (it ended before its first: --resume "
        "auto, with the options that it had, begins again)",
        folder.path.string());
  }
  if (folder.has_model_files)
    throw DataError(
        "{}: has model files of a run but no checkpoint to resume from; nothing was changed",
        folder.path.string());
  // A run that ended before its first checkpoint left nothing but the beginning of its log.
  check_nothing_foreign(folder);
  log.info("{}: no checkpoint there, the run starts at its beginning", folder.path.string());
  return std::nullopt;
}

/// A model is a file or a folder.
void add_model(FileRoles& roles, const std::string& model) {
  std::error_code none;
  if (fs::is_directory(model, none))
    roles.reads_tree(model);
  else
    roles.reads(model);
}

void add_inputs(FileRoles& roles, const Plan& plan) {
  const auto& options = plan.options;
  if (data::names_shards(options.data()))
    for (const auto& shard : data::expand_shards(options.data())) roles.reads(shard);
  else
    roles.reads_tree(options.data());
  if (!options.labels_csv().empty()) roles.reads(options.labels_csv());
  if (!options.class_map().empty()) roles.reads(options.class_map());
  const auto& weights = options.loss().class_weights();
  if (!weights.empty() && weights != "balanced") roles.reads(weights);
  if (!options.distillation().teacher().empty()) add_model(roles, options.distillation().teacher());
  if (plan.branches) roles.reads_tree(plan.checkpoint->path);
  if (plan.checkpoint || options.model().empty()) return;  // a resumed run reads its checkpoint
  add_model(roles, options.model());
}

/// Nothing that the run writes or removes may be what it reads, by whatever names they go.
void check_roles(const Plan& plan) {
  FileRoles roles;
  add_inputs(roles, plan);
  std::error_code none;
  const auto& folder = plan.folder.path;
  roles.writes_folder(folder);
  roles.writes_folder(folder / "checkpoints");
  for (const auto* name :
       {"args.json", "log.jsonl", "summary.csv", "report.html", "best.safetensors",
        "last.safetensors", "events.out.tfevents.0.vit-train"})
    if (!fs::is_directory(folder / name, none)) roles.writes(folder / name, /*force=*/true);
  for (const auto& path : plan.folder.own) {
    if (!fs::is_directory(path, none)) continue;
    for (const auto& entry : fs::directory_iterator(path)) {
      FileRoles one;  // a checkpoint's best.safetensors may be a second name of the run's
      add_inputs(one, plan);
      if (!entry.is_directory(none)) one.writes(entry.path(), /*force=*/true);
    }
  }
}

/// Where the run folder is, or is going to be made, files must be allowed.
void check_writable(const fs::path& folder) {
  std::error_code none;
  auto at = folder;
  while (!fs::exists(at, none) && at.has_relative_path()) at = at.parent_path();
  if (!fs::is_directory(at, none))
    throw IoError("{}: expected a folder to write the run to", at.string());
  if (::access(at.c_str(), W_OK | X_OK) != 0)
    throw IoError("{}: cannot be written to", at.string());
}

void open_folder(Plan& plan, const fs::path& folder, bool locks) {
  std::error_code none;
  if (locks && fs::is_directory(folder, none)) plan.lock = std::make_unique<train::RunLock>(folder);
  plan.folder = train::inspect_run_folder(folder);
}

/// A resumed run keeps its threads, device and seed unless told otherwise: others give other bits.
void add_shared_options(Json& given, bool resumes, Command& command) {
  if (!resumes || command.was_given("threads")) given["threads"] = command.threads();
  if (!resumes || command.was_given("device")) given["device"] = open_device(command).str();
  if (command.was_given("seed") || (!resumes && !given.contains("seed")))
    given["seed"] = command.seed();
}

}  // namespace

Plan make_plan(const Arguments& arguments, Command& command) {
  refuse_distributed();
  auto given = arguments.given;
  apply_timm_flags(arguments, given);
  if (!arguments.config.empty()) {
    if (given.contains("recipe")) throw UsageError("--config and --recipe: expected one of them");
    auto fields = read_timm_config(arguments.config, given, command.log());
    auto model_args = fields.value("model_args", Json::array());
    for (const auto& more : given.value("model_args", Json::array())) model_args.push_back(more);
    fields.update(given);
    fields["model_args"] = model_args;
    given = fields;
  }
  if (!given.value("teacher", "").empty() && !given.contains("distillation"))
    given["distillation"] = "soft";
  make_absolute(given);
  Plan plan;
  plan.checkpoint = named_checkpoint(arguments);
  merge_output(arguments, plan, given);
  plan.replaces = arguments.force;
  const fs::path folder = given.value("output", "");
  if (folder.empty() && !arguments.dry_run)
    throw UsageError("--output: expected a run folder, found none");
  if (!folder.empty()) {
    open_folder(plan, folder, /*locks=*/!arguments.dry_run);
    if (plan.checkpoint)
      check_verifies(*plan.checkpoint);
    else if (arguments.resume)
      plan.checkpoint = choose_checkpoint(plan, *arguments.resume == "auto", command.log());
  }
  add_shared_options(given, plan.checkpoint.has_value(), command);
  if (plan.checkpoint) {
    const auto run = plan.checkpoint->path.parent_path().parent_path();
    std::error_code none;
    plan.branches = !fs::equivalent(run, folder, none);
    const auto stored = train::read_args(run);
    // The epochs of timm's file are not the length of a run that is counted in steps.
    if (stored.total_steps() > 0 && !arguments.given.contains("epochs")) given.erase("epochs");
    plan.options = resume_options(stored, given, command.log());
  } else {
    plan.options = resolve_options(given);
  }
  check_given(arguments.given, plan.options);
  train::check_options(plan.options);
  if (folder.empty()) return plan;
  check_roles(plan);
  if (arguments.dry_run) return plan;
  check_writable(folder);
  if (arguments.force) check_nothing_foreign(plan.folder);
  const bool begins = !arguments.resume || plan.branches;
  if (!arguments.force && begins && !plan.folder.is_empty)
    throw IoError("{}: holds files already (--force replaces the run in it, --resume goes on)",
                  folder.string());
  return plan;
}

void take_folder(Plan& plan) {
  if (!plan.lock) {
    std::error_code error;
    const auto& folder = plan.folder.path;
    fs::create_directories(folder, error);
    if (error) throw IoError("{}: cannot be made: {}", folder.string(), error.message());
    plan.lock = std::make_unique<train::RunLock>(folder);
    // It was not there a moment ago: whoever made it since may have trained in it and be gone.
    if (!train::inspect_run_folder(folder).is_empty)
      throw IoError("{}: another run has written to this folder", folder.string());
  }
  if (plan.replaces) remove_run(plan.folder);
}

}  // namespace vit::tools
