#include "timm_config_tables.h"

#include <sstream>
#include <type_traits>

#include "vit/train/train_options.h"

namespace vit::tools {

const std::map<std::string, TimmField>& timm_fields() {
  static const auto table = [] {
    std::map<std::string, TimmField> fields;
    train::TrainOptions options;
    visit(options, [&](const char* name, auto& value, const Field& about) {
      const bool is_list = vit::detail::is_vector<std::remove_cvref_t<decltype(value)>>;
      std::istringstream keys(about.timm);
      for (std::string key; std::getline(keys, key, ',');) fields[key] = {name, is_list};
    });
    return fields;
  }();
  return table;
}

const Json& timm_defaults() {
  static const Json table = Json::parse(R"json({
    "model": "resnet50", "batch_size": 128, "opt": "sgd", "momentum": 0.9, "weight_decay": 2e-5,
    "sched": "cosine", "lr_base": 0.1, "lr_base_size": 256, "warmup_lr": 1e-5, "min_lr": 0.0,
    "epochs": 300, "warmup_epochs": 5, "decay_epochs": 90, "decay_rate": 0.1,
    "color_jitter": 0.4, "remode": "pixel", "recount": 1, "smoothing": 0.1,
    "train_interpolation": "random", "amp_dtype": "float16", "model_ema_decay": 0.9998,
    "checkpoint_hist": 10, "seed": 42, "workers": 4
  })json");
  return table;
}

const std::set<std::string>& timm_without_effect() {
  static const std::set<std::string> keys{"validation_batch_size",
                                          "channels_last",
                                          "torchscript",
                                          "torchcompile",
                                          "torchcompile_mode",
                                          "fuser",
                                          "fast_norm",
                                          "synchronize_step",
                                          "lr_noise_pct",
                                          "lr_noise_std",
                                          "lr_cycle_decay",
                                          "decay_milestones",
                                          "patience_epochs",
                                          "dist_bn",
                                          "model_ema_force_cpu",
                                          "worker_seeding",
                                          "save_images",
                                          "amp_impl",
                                          "no_ddp_bb",
                                          "pin_mem",
                                          "no_prefetcher",
                                          "output",
                                          "experiment",
                                          "eval_metric",
                                          "local_rank",
                                          "use_multi_epochs_loader",
                                          "log_wandb",
                                          "wandb_project",
                                          "wandb_tags",
                                          "wandb_resume_id",
                                          "rank",
                                          "world_size",
                                          "distributed",
                                          "device",
                                          "device_modules",
                                          "prefetcher",
                                          "dataset_download",
                                          "dataset_trust_remote_code",
                                          "input_img_mode",
                                          "no_resume_opt"};
  return keys;
}

const Json& timm_neutral() {
  static const Json table = Json::parse(R"json({
    "dataset": ["folder", "image_folder"],
    "clip_mode": ["norm"], "lr_cycle_mul": [1], "lr_cycle_limit": [1], "lr_k_decay": [1],
    "aug_splits": [1], "lr_base_scale": ["linear", "sqrt"], "layer_decay_min_scale": [],
    "kd_loss_type": ["kl"],
    "naflex_train_seq_lens": [[128, 256, 576, 784, 1024]], "naflex_max_seq_len": [576],
    "naflex_loss_scale": ["linear"],
    "train_size_random_mix": [0.1], "train_size_schedule": ["constant"],
    "train_size_schedule_spread": [0.65], "variable_batch_loss_scale": ["none"]
  })json");
  return table;
}

}  // namespace vit::tools
