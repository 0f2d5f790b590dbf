#include "timm_config_tables.h"

namespace vit::tools {

const std::map<std::string, std::string>& timm_fields() {
  static const std::map<std::string, std::string> table{
      {"data", "data"},
      {"data_dir", "data"},
      {"img_size", "img_size"},
      {"crop_pct", "crop_pct"},
      {"mean", "mean"},
      {"std", "std"},
      {"batch_size", "batch_size"},
      {"grad_accum_steps", "accum"},
      {"opt", "opt"},
      {"opt_eps", "opt_eps"},
      {"opt_betas", "opt_betas"},
      {"momentum", "momentum"},
      {"weight_decay", "weight_decay"},
      {"clip_grad", "clip_grad"},
      {"layer_decay", "layer_decay"},
      {"sched", "sched"},
      {"warmup_lr", "warmup_lr"},
      {"min_lr", "min_lr"},
      {"epochs", "epochs"},
      {"warmup_epochs", "warmup_epochs"},
      {"decay_epochs", "decay_epochs"},
      {"decay_rate", "decay_rate"},
      {"train_crop_mode", "crop_mode"},
      {"scale", "scale"},
      {"ratio", "ratio"},
      {"hflip", "hflip"},
      {"vflip", "vflip"},
      {"color_jitter", "color_jitter"},
      {"color_jitter_prob", "color_jitter_prob"},
      {"grayscale_prob", "grayscale_prob"},
      {"gaussian_blur_prob", "gaussian_blur_prob"},
      {"aa", "aa"},
      {"aug_repeats", "repeated_aug"},
      {"bce_loss", "bce"},
      {"bce_sum", "bce_sum"},
      {"bce_target_thresh", "bce_target_thresh"},
      {"reprob", "reprob"},
      {"remode", "remode"},
      {"recount", "recount"},
      {"mixup", "mixup"},
      {"cutmix", "cutmix"},
      {"cutmix_minmax", "cutmix_minmax"},
      {"mixup_prob", "mixup_prob"},
      {"mixup_switch_prob", "mixup_switch_prob"},
      {"mixup_mode", "mixup_mode"},
      {"mixup_off_epoch", "mixup_off_epoch"},
      {"smoothing", "smoothing"},
      {"train_interpolation", "train_interpolation"},
      {"drop", "drop"},
      {"drop_path", "drop_path"},
      {"model_ema_warmup", "ema_warmup"},
      {"seed", "seed"},
      {"log_interval", "log_every"},
      {"recovery_interval", "checkpoint_every"},
      {"val_interval", "val_every"},
      {"workers", "workers"},
  };
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
                                          "grad_checkpointing",
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
    "dataset": ["folder", "image_folder"], "train_split": ["train"],
    "val_split": ["validation", "val"],
    "clip_mode": ["norm"], "lr_cycle_mul": [1], "lr_cycle_limit": [1], "lr_k_decay": [1],
    "aug_splits": [1], "lr_base_scale": ["linear", "sqrt"], "layer_decay_min_scale": [],
    "kd_loss_type": ["kl"], "kd_distill_type": ["logits"]
  })json");
  return table;
}

}  // namespace vit::tools
