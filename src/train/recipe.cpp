#include "vit/train/recipe.h"

#include "vit/core/error.h"

namespace vit::train {
namespace {

/// `deit`: Touvron et al. 2021, its repository's defaults; `deit3`: Touvron et al. 2022 (batch
/// 2048); `augreg-ft`: Steiner et al. 2021, fine-tuning; `mae-ft`: He et al. 2022, fine-tuning
/// ViT-B. `seed`: TrainOptions' own defaults. The seed gives no recipe of its own.
Json make_recipes() {
  auto table = Json::parse(R"json({
    "seed": {
      "opt": "adamw", "lr_base": 1e-3, "weight_decay": 0.05, "sched": "cosine", "smoothing": 0.1
    },
    "deit": {
      "opt": "adamw", "lr_base": 5e-4, "lr_base_size": 512, "weight_decay": 0.05, "epochs": 300,
      "sched": "cosine", "warmup_epochs": 5, "warmup_lr": 1e-6, "min_lr": 1e-5, "smoothing": 0.1,
      "aa": "rand-m9-mstd0.5-inc1", "color_jitter": [0.3], "train_interpolation": "bicubic",
      "reprob": 0.25, "remode": "pixel", "repeated_aug": 3,
      "mixup": 0.8, "cutmix": 1.0, "drop_path": 0.1
    },
    "deit3": {
      "opt": "lamb", "lr_base": 3e-3, "lr_base_size": 2048, "weight_decay": 0.02, "epochs": 800,
      "sched": "cosine", "warmup_epochs": 5, "warmup_lr": 1e-6, "min_lr": 1e-5, "clip_grad": 1.0,
      "bce": true, "smoothing": 0.0, "three_augment": true, "color_jitter": [0.3],
      "crop_mode": "src", "train_interpolation": "bicubic", "repeated_aug": 3,
      "mixup": 0.8, "cutmix": 1.0, "drop_path": 0.2
    },
    "augreg-ft": {
      "opt": "momentum", "momentum": 0.9, "lr_base": 0.03, "weight_decay": 0.0, "clip_grad": 1.0,
      "total_steps": 20000, "warmup_steps": 500, "sched": "cosine", "smoothing": 0.0
    },
    "mae-ft": {
      "opt": "adamw", "lr_base": 5e-4, "lr_base_size": 256, "weight_decay": 0.05, "epochs": 100,
      "layer_decay": 0.65, "sched": "cosine", "warmup_epochs": 5, "min_lr": 1e-6,
      "smoothing": 0.1, "aa": "rand-m9-mstd0.5-inc1", "train_interpolation": "bicubic",
      "reprob": 0.25, "remode": "pixel", "mixup": 0.8, "cutmix": 1.0, "drop_path": 0.1
    },
    "fashion-mnist": {
      "model_args": ["img_size=28", "patch_size=4", "in_c=1", "embed_dim=192", "depth=6",
                     "num_heads=6", "mlp_ratio=2", "class_token=false", "global_pool=avg",
                     "patch_norm=false", "proj_drop_rate=0"],
      "epochs": 20, "batch_size": 128,
      "opt": "muon", "lr_base": 3e-3, "weight_decay": 0.05, "clip_grad": 1.0,
      "sched": "cosine", "warmup_epochs": 1.5, "warmup_lr": 1e-5, "min_lr": 1e-5,
      "smoothing": 0.1,
      "crop_mode": "shift", "padding": 2, "hflip": 0.5,
      "cutmix": 0.5, "mixup_prob": 0.5, "mixup_off_epoch": 16,
      "mean": [0.286], "std": [0.353], "crop_pct": 1.0,
      "labels": ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt",
                 "Sneaker", "Bag", "Ankle boot"]
    }
  })json");
  // The same in two minutes of two cores: a smaller model, on larger patches.
  auto& quick = table["fashion-mnist-quick"] = table["fashion-mnist"];
  quick.update(Json::parse(R"json({
    "model_args": ["img_size=28", "patch_size=7", "in_c=1", "embed_dim=96", "depth=4",
                   "num_heads=3", "mlp_ratio=2", "patch_norm=false", "proj_drop_rate=0"],
    "epochs": 2, "warmup_epochs": 0.2, "padding": 1, "cutmix": 0, "mixup_off_epoch": 0
  })json"));
  return table;
}

const Json& recipes() {
  static const Json table = make_recipes();
  return table;
}

}  // namespace

std::vector<std::string> recipe_names() {
  std::vector<std::string> names;
  for (const auto& [name, values] : recipes().items()) names.push_back(name);
  return names;
}

const Json& find_recipe(const std::string& name) {
  const auto& table = recipes();
  if (const auto it = table.find(name); it != table.end()) return *it;
  std::string known;
  for (const auto& other : recipe_names()) known += (known.empty() ? "" : ", ") + other;
  throw UsageError("recipe: expected one of {}, found '{}'", known, name);
}

}  // namespace vit::train
