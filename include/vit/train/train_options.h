// Everything that decides what a training run does: args.json, the recipes and the command's flags
// are made from this list.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "vit/core/visit.h"
#include "vit/data/mix.h"
#include "vit/data/train_transform.h"

namespace vit::train {

/// Names and meanings are those of timm's `train.py` (1.0.31) where it has them. The defaults are
/// the recipe `seed`.
struct TrainOptions {
  std::string data;                     ///< folder: see data::open_data
  std::string model;                    ///< registry name or model file; empty: the seed's ViT
  std::string arch;                     ///< architecture of a `model` file that does not say
  std::vector<std::string> model_args;  ///< `key=value`, any VisionTransformerOptions
  std::int64_t holdout =
      0;               ///< images drawn from those to train on that validate; 0: the data's own
  std::string output;  ///< run folder
  std::string recipe;  ///< where the values came from

  std::int64_t epochs = 100;
  std::int64_t batch_size = 128;
  std::int64_t accum = 1;  ///< batches whose gradients make one step

  std::string opt = "adamw";
  std::optional<double> lr;           ///< null: lr_base, scaled
  double lr_base = 1e-3;              ///< for a step over lr_base_size images
  std::int64_t lr_base_size = 0;      ///< 0: lr_base is used as it is
  double weight_decay = 0.05;         ///< of matrices only
  std::optional<double> opt_eps;      ///< null: the optimiser's own, see default_options
  std::vector<double> opt_betas;      ///< empty: the optimiser's own
  double momentum = 0.9;              ///< of sgd, momentum and muon
  std::optional<double> layer_decay;  ///< lr of a block / lr of the block after it
  std::int64_t freeze_blocks = 0;     ///< blocks that stay as they are, and what is before them
  std::optional<double> clip_grad;    ///< largest norm of all gradients together

  std::string sched = "cosine";
  std::optional<double> warmup_epochs;  ///< null: 5 % of all steps
  std::int64_t warmup_steps = 0;        ///< over warmup_epochs where it is not 0
  double warmup_lr = 0.0;               ///< where warm-up begins
  double min_lr = 0.0;                  ///< where the schedule ends
  double decay_epochs = 30.0;           ///< of `step`
  double decay_rate = 0.1;              ///< of `step`

  double smoothing = 0.1;
  bool bce = false;                         ///< binary cross-entropy, each class by itself
  std::optional<double> bce_target_thresh;  ///< null: soft targets stay what they are
  std::string class_weights;                ///< balanced, or a file with a number a line
  bool bce_sum = false;                     ///< summed over the classes, not averaged
  double drop = 0.0;
  std::optional<double> drop_path;  ///< null: what the model says
  std::optional<double> ema;        ///< decay of the moving average of the weights; null: none
  bool ema_warmup = false;          ///< the average follows faster at first
  std::string amp = "off";          ///< off or bf16

  std::optional<Size2d> img_size;  ///< null: what the model says
  data::TrainTransformOptions augment;
  data::MixOptions mix;
  std::int64_t mixup_off_epoch = 0;  ///< no mixing from this epoch on, counted from 0; 0: always
  double repeated_aug = 0;           ///< each image so many times in the same epoch; 0: once
  std::vector<double> mean, std;     ///< of pixels in [0, 1]; empty: what the model says
  std::optional<double> crop_pct;    ///< of evaluation; null: what the model says
  std::vector<std::string> labels;   ///< class names for the model file; empty: the data's

  std::uint64_t seed = 42;
  std::int64_t threads = 1;  ///< other counts may give other last bits
  std::string device = "cpu";
  std::int64_t workers = 1;           ///< loader threads
  std::int64_t val_every = 1;         ///< epochs
  std::int64_t checkpoint_every = 0;  ///< steps; 0: at the end of each epoch only
  std::int64_t keep = 2;              ///< checkpoints, at least 2
  std::int64_t max_steps = 0;         ///< ends the run early; 0: not
  std::int64_t log_every = 50;        ///< steps
  bool tensorboard = false;           ///< the log also as TensorBoard's event file
};

template <class Visitor>
void visit(TrainOptions& o, Visitor&& v) {
  v("data", o.data);
  v("model", o.model);
  v("arch", o.arch);
  v("model_args", o.model_args);
  v("holdout", o.holdout);
  v("output", o.output);
  v("recipe", o.recipe);
  v("epochs", o.epochs);
  v("batch_size", o.batch_size);
  v("accum", o.accum);
  v("opt", o.opt);
  v("lr", o.lr);
  v("lr_base", o.lr_base);
  v("lr_base_size", o.lr_base_size);
  v("weight_decay", o.weight_decay);
  v("opt_eps", o.opt_eps);
  v("opt_betas", o.opt_betas);
  v("momentum", o.momentum);
  v("layer_decay", o.layer_decay);
  v("freeze_blocks", o.freeze_blocks);
  v("clip_grad", o.clip_grad);
  v("sched", o.sched);
  v("warmup_epochs", o.warmup_epochs);
  v("warmup_steps", o.warmup_steps);
  v("warmup_lr", o.warmup_lr);
  v("min_lr", o.min_lr);
  v("decay_epochs", o.decay_epochs);
  v("decay_rate", o.decay_rate);
  v("smoothing", o.smoothing);
  v("bce", o.bce);
  v("bce_target_thresh", o.bce_target_thresh);
  v("bce_sum", o.bce_sum);
  v("class_weights", o.class_weights);
  v("drop", o.drop);
  v("drop_path", o.drop_path);
  v("ema", o.ema);
  v("ema_warmup", o.ema_warmup);
  v("amp", o.amp);
  v("img_size", o.img_size);
  v("crop_mode", o.augment.crop_mode);
  v("scale", o.augment.scale);
  v("ratio", o.augment.ratio);
  v("padding", o.augment.padding);
  v("train_interpolation", o.augment.interpolation);
  v("hflip", o.augment.hflip);
  v("vflip", o.augment.vflip);
  v("aa", o.augment.aa);
  v("three_augment", o.augment.three_augment);
  v("color_jitter", o.augment.color_jitter);
  v("color_jitter_prob", o.augment.color_jitter_prob);
  v("grayscale_prob", o.augment.grayscale_prob);
  v("gaussian_blur_prob", o.augment.gaussian_blur_prob);
  v("reprob", o.augment.re_prob);
  v("remode", o.augment.re_mode);
  v("recount", o.augment.re_count);
  v("mixup", o.mix.mixup);
  v("cutmix", o.mix.cutmix);
  v("cutmix_minmax", o.mix.cutmix_minmax);
  v("mixup_prob", o.mix.prob);
  v("mixup_switch_prob", o.mix.switch_prob);
  v("mixup_mode", o.mix.mode);
  v("mixup_off_epoch", o.mixup_off_epoch);
  v("repeated_aug", o.repeated_aug);
  v("mean", o.mean);
  v("std", o.std);
  v("crop_pct", o.crop_pct);
  v("labels", o.labels);
  v("seed", o.seed);
  v("threads", o.threads);
  v("device", o.device);
  v("workers", o.workers);
  v("val_every", o.val_every);
  v("checkpoint_every", o.checkpoint_every);
  v("keep", o.keep);
  v("max_steps", o.max_steps);
  v("log_every", o.log_every);
  v("tensorboard", o.tensorboard);
}

/// Throws UsageError for the first value that cannot be: its field, what was expected and found.
/// `output` may be empty: what trains nothing needs none.
void check_options(const TrainOptions& options);

/// args.json and back. Strings are bytes (paths): what is not UTF-8 is stored escaped, as by
/// vit::printable. `where` opens the message. Throws DataError.
Json options_to_json(const TrainOptions& options);
TrainOptions options_from_json(const Json& json, const std::string& where);

/// The learning rate at the schedule's top: `lr`, else lr_base · batch_size · accum / lr_base_size.
double peak_lr(const TrainOptions& options);

/// A run may be resumed with other values of these: they do not change what is computed.
bool may_change_on_resume(const std::string& field);

}  // namespace vit::train
