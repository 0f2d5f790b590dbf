// Everything that decides what a training run does. The field lists (`visit`) are the one place
// where a training option is described: args.json, the recipes, the checks, what a resumed run may
// change, the command's flags, their help and the keys of timm's args.yaml are made from them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "vit/core/arg.h"
#include "vit/core/visit.h"
#include "vit/data/mix.h"
#include "vit/data/train_transform.h"

namespace vit::train {

/// Above every count that makes sense.
inline constexpr double kManySteps = 1e9;

/// Names that make_optimizer knows.
std::vector<std::string> optimizer_names();
/// constant, cosine, linear, step.
std::vector<std::string> schedule_names();

struct OptimizerOptions {
  VIT_ARG(std::string, opt) = "adamw";          ///< one of optimizer_names()
  VIT_ARG(std::optional<double>, lr);           ///< null: lr_base, scaled
  VIT_ARG(double, lr_base) = 1e-3;              ///< for a step over lr_base_size images
  VIT_ARG(std::int64_t, lr_base_size) = 0;      ///< 0: lr_base is used as it is
  VIT_ARG(double, weight_decay) = 0.05;         ///< of matrices only
  VIT_ARG(std::optional<double>, opt_eps);      ///< null: the optimiser's own (default_settings)
  VIT_ARG(std::vector<double>, opt_betas);      ///< empty: the optimiser's own
  VIT_ARG(double, momentum) = 0.9;              ///< of sgd, momentum and muon
  VIT_ARG(std::optional<double>, layer_decay);  ///< lr of a block / lr of the block after it
  VIT_ARG(std::int64_t, freeze_blocks) = 0;     ///< these blocks, and what is before them, stay
  VIT_ARG(std::optional<double>, clip_grad);    ///< largest norm of all gradients together
};

template <class Visitor>
void visit(OptimizerOptions& o, Visitor&& v) {
  v("opt", o.opt(),
    Field{.help = "adamw, sgd (Nesterov), momentum, lamb, lion or muon, as timm's",
          .names = optimizer_names(),
          .timm = "opt"});
  v("lr", o.lr(), Field{.help = "Learning rate at the top of the schedule", .low = 0, .high = 1e6});
  v("lr_base", o.lr_base(),
    Field{.help = "Instead of `lr`: for `lr_base_size` images a step", .low = 0, .high = 1e6});
  v("lr_base_size", o.lr_base_size(),
    Field{.help = "Images that `lr_base` is for; 0: any", .low = 0, .high = kManySteps});
  v("weight_decay", o.weight_decay(),
    Field{.help = "Not of biases, norms, embeddings, tokens",
          .low = 0,
          .high = 1e6,
          .timm = "weight_decay"});
  v("opt_eps", o.opt_eps(),
    Field{.help = "Epsilon; default: the optimiser's own",
          .low = 0,
          .high = 1,
          .above_low = true,
          .timm = "opt_eps"});
  v("opt_betas", o.opt_betas(),
    Field{.help = "Two betas; default: the optimiser's own",
          .low = 0,
          .high = 1,
          .below_high = true,
          .timm = "opt_betas"});
  v("momentum", o.momentum(),
    Field{.help = "Of sgd, momentum and muon",
          .low = 0,
          .high = 1,
          .below_high = true,
          .timm = "momentum"});
  v("layer_decay", o.layer_decay(),
    Field{.help = "Factor of the learning rate a layer down",
          .low = 0,
          .high = 1,
          .above_low = true,
          .timm = "layer_decay"});
  v("freeze_blocks", o.freeze_blocks(),
    Field{.help = "Leave the embedding and the first N blocks as they are; all of them: a linear "
                  "probe",
          .low = 0,
          .high = kManySteps});
  v("clip_grad", o.clip_grad(),
    Field{.help = "Largest norm of the gradients; none: any",
          .low = 0,
          .high = 1e9,
          .above_low = true,
          .timm = "clip_grad"});
}

struct ScheduleOptions {
  VIT_ARG(std::string, sched) = "cosine";         ///< one of schedule_names()
  VIT_ARG(std::optional<double>, warmup_epochs);  ///< null: 5 % of all steps
  VIT_ARG(std::int64_t, warmup_steps) = 0;        ///< over warmup_epochs where it is not 0
  VIT_ARG(double, warmup_lr) = 0.0;               ///< where warm-up begins
  VIT_ARG(double, min_lr) = 0.0;                  ///< where the schedule ends
  VIT_ARG(double, decay_epochs) = 30.0;           ///< of `step`
  VIT_ARG(double, decay_rate) = 0.1;              ///< of `step`
};

template <class Visitor>
void visit(ScheduleOptions& o, Visitor&& v) {
  v("sched", o.sched(),
    Field{.help = "cosine, linear, step or constant", .names = schedule_names(), .timm = "sched"});
  v("warmup_epochs", o.warmup_epochs(),
    Field{.help = "Default: 5 % of all steps",
          .low = 0,
          .high = kManySteps,
          .timm = "warmup_epochs"});
  v("warmup_steps", o.warmup_steps(),
    Field{.help = "Instead of `warmup_epochs`", .low = 0, .high = kManySteps});
  v("warmup_lr", o.warmup_lr(),
    Field{
        .help = "Learning rate where warm-up begins", .low = 0, .high = 1e6, .timm = "warmup_lr"});
  v("min_lr", o.min_lr(),
    Field{
        .help = "Learning rate where the schedule ends", .low = 0, .high = 1e6, .timm = "min_lr"});
  v("decay_epochs", o.decay_epochs(),
    Field{.help = "`sched` step: between two falls",
          .low = 0,
          .high = kManySteps,
          .above_low = true,
          .timm = "decay_epochs"});
  v("decay_rate", o.decay_rate(),
    Field{.help = "`sched` step: factor of a fall",
          .low = 0,
          .high = 1,
          .above_low = true,
          .timm = "decay_rate"});
}

struct LossOptions {
  VIT_ARG(double, smoothing) = 0.1;
  VIT_ARG(bool, bce) = false;  ///< binary cross-entropy, each class by itself
  VIT_ARG(std::optional<double>, bce_target_thresh);  ///< null: soft targets stay what they are
  VIT_ARG(bool, bce_sum) = false;                     ///< summed over the classes, not averaged
  VIT_ARG(std::string, class_weights);                ///< balanced, or a file with a number a line
};

template <class Visitor>
void visit(LossOptions& o, Visitor&& v) {
  v("smoothing", o.smoothing(),
    Field{.help = "Label smoothing", .low = 0, .high = 1, .timm = "smoothing"});
  v("bce", o.bce(),
    Field{.help = "Binary cross-entropy: each class by itself", .timm = "bce_loss"});
  v("bce_target_thresh", o.bce_target_thresh(),
    Field{.help = "Targets above it are 1, else 0",
          .low = 0,
          .high = 1,
          .timm = "bce_target_thresh"});
  v("bce_sum", o.bce_sum(),
    Field{.help = "Sum over the classes instead of their mean", .timm = "bce_sum"});
  v("class_weights", o.class_weights(),
    Field{.help = "Of the classes in the loss: balanced, or a file with a number a line",
          .value = "balanced|FILE"});
}

/// Low-rank updates instead of the whole model (Hu et al. 2021).
struct LoraOptions {
  VIT_ARG(std::int64_t, lora_rank) = 0;        ///< 0: the whole model is trained
  VIT_ARG(std::optional<double>, lora_alpha);  ///< null: the rank
  VIT_ARG(std::vector<std::string>, lora_targets) = {"qkv", "proj", "fc1", "fc2"};
};

template <class Visitor>
void visit(LoraOptions& o, Visitor&& v) {
  v("lora_rank", o.lora_rank(),
    Field{.help =
              "Train updates of this rank (LoRA) and the head; model files hold them merged; 0: "
              "the whole model",
          .low = 0,
          .high = 65536});
  v("lora_alpha", o.lora_alpha(),
    Field{.help = "Updates are scaled by it over the rank; default: the rank",
          .low = 0,
          .high = 1e6,
          .above_low = true});
  v("lora_targets", o.lora_targets(), Field{.help = "Layers of the blocks that are updated"});
}

/// Learning from another model's answers (Touvron et al. 2021), as timm's tasks do it.
struct DistillationOptions {
  VIT_ARG(std::string, distillation) = "none";          ///< none, soft or hard
  VIT_ARG(std::string, teacher);                        ///< model file
  VIT_ARG(std::string, kd_distill_type) = "auto";       ///< auto, logit or token
  VIT_ARG(double, kd_temperature) = 4.0;                ///< of `soft`
  VIT_ARG(std::optional<double>, task_loss_weight);     ///< null: 1
  VIT_ARG(std::optional<double>, distill_loss_weight);  ///< null: 1 − task_loss_weight, or 1
};

template <class Visitor>
void visit(DistillationOptions& o, Visitor&& v) {
  v("distillation", o.distillation(),
    Field{.help = "Learn from `teacher` too: its probabilities (soft) or its best class (hard)",
          .names = {"none", "soft", "hard"},
          .timm = "kd_token_distill_type"});
  v("teacher", o.teacher(),
    Field{.help = "Model file to learn from; alone: `distillation` soft",
          .timm = "kd_model_name",
          .value = "FILE"});
  v("kd_distill_type", o.kd_distill_type(),
    Field{.help = "Which of the model's answers: the logits, or a second head's (token); auto: the "
                  "second head where there is one",
          .names = {"auto", "logit", "token"},
          .timm = "kd_distill_type"});
  v("kd_temperature", o.kd_temperature(),
    Field{.help = "`distillation` soft: of both softmaxes",
          .low = 0,
          .high = 1e6,
          .above_low = true,
          .timm = "kd_temperature"});
  v("task_loss_weight", o.task_loss_weight(),
    Field{.help = "Weight of the loss from the labels; default: 1",
          .low = 0,
          .high = 1e6,
          .timm = "task_loss_weight"});
  v("distill_loss_weight", o.distill_loss_weight(),
    Field{.help = "Weight of the loss from the teacher; default: 1 less `task_loss_weight`, or 1",
          .low = 0,
          .high = 1e6,
          .timm = "distill_loss_weight"});
}

/// What keeps the model from learning its images by heart, beside augmentation.
struct RegularizationOptions {
  VIT_ARG(double, drop) = 0.0;
  VIT_ARG(std::optional<double>, drop_path);  ///< null: what the model says
  VIT_ARG(std::optional<double>, ema);        ///< decay of the weights' moving average; null: none
  VIT_ARG(bool, ema_warmup) = false;          ///< the average follows faster at first
};

template <class Visitor>
void visit(RegularizationOptions& o, Visitor&& v) {
  v("drop", o.drop(), Field{.help = "Dropout", .low = 0, .high = 0.99, .timm = "drop"});
  v("drop_path", o.drop_path(),
    Field{
        .help = "Stochastic depth of the last block", .low = 0, .high = 0.99, .timm = "drop_path"});
  // Below 1: an average with a decay of 1 never moves.
  v("ema", o.ema(),
    Field{.help = "Decay of a moving average of the weights; none",
          .low = 0,
          .high = 1,
          .below_high = true});
  v("ema_warmup", o.ema_warmup(),
    Field{.help = "The average follows faster at first", .timm = "model_ema_warmup"});
}

/// How a run goes, and what it leaves.
struct RunOptions {
  VIT_ARG(std::string, output);                   ///< run folder
  VIT_ARG(std::int64_t, val_every) = 1;           ///< epochs
  VIT_ARG(std::int64_t, checkpoint_every) = 0;    ///< steps; 0: at the end of each epoch only
  VIT_ARG(std::int64_t, keep) = 2;                ///< checkpoints, at least 2
  VIT_ARG(std::int64_t, max_steps) = 0;           ///< ends the run early; 0: not
  VIT_ARG(std::int64_t, log_every) = 50;          ///< steps
  VIT_ARG(bool, tensorboard) = false;             ///< the log also as TensorBoard's event file
  VIT_ARG(std::optional<std::int64_t>, workers);  ///< loader threads; null: loader_workers()
  VIT_ARG(std::int64_t, threads) = 1;             ///< other counts may give other last bits
  VIT_ARG(std::string, device) = "cpu";
  VIT_ARG(std::uint64_t, seed) = 42;
};

template <class Visitor>
void visit(RunOptions& o, Visitor&& v) {
  v("output", o.output(),
    Field{.help = "Run folder", .resumable = true, .flag = "-o,--output", .value = "DIR"});
  v("val_every", o.val_every(),
    Field{.help = "Evaluate every N epochs", .low = 1, .high = kManySteps, .timm = "val_interval"});
  v("checkpoint_every", o.checkpoint_every(),
    Field{.help = "Also write a checkpoint every N steps",
          .low = 0,
          .high = kManySteps,
          .resumable = true,
          .timm = "recovery_interval"});
  v("keep", o.keep(),
    Field{.help = "Checkpoints to keep, at least 2",
          .low = 2,
          .high = kManySteps,
          .resumable = true,
          .timm = "checkpoint_hist"});
  v("max_steps", o.max_steps(),
    Field{.help = "End early, evaluated; schedules still follow `epochs`",
          .low = 0,
          .high = kManySteps,
          .resumable = true});
  v("log_every", o.log_every(),
    Field{.help = "Steps between two rows of log.jsonl",
          .low = 1,
          .high = kManySteps,
          .resumable = true,
          .timm = "log_interval"});
  v("tensorboard", o.tensorboard(),
    Field{.help = "Also write the log as TensorBoard's event file", .resumable = true});
  v("workers", o.workers(),
    Field{.help = "Loader threads (default: 1; on CUDA one for each core, up to 8)",
          .low = 0,
          .high = 1024,
          .resumable = true,
          .timm = "workers"});
  // Flags of every command.
  v("threads", o.threads(), Field{.low = 1, .high = 4096, .resumable = true});
  v("device", o.device(), Field{.resumable = true});
  v("seed", o.seed(), Field{.timm = "seed"});
}

/// Loader threads of a run: those asked for; else one on a CPU, whose cores have the model to
/// compute, and on CUDA one for each core, up to 8.
std::int64_t loader_workers(const RunOptions& options, bool on_cpu);

/// Names and meanings are those of timm's `train.py` (1.0.31) where it has them. The defaults are
/// the recipe `seed`.
struct TrainOptions {
  VIT_ARG(std::string, data);   ///< folder: see data::open_data
  VIT_ARG(std::string, model);  ///< registry name or model file; empty: the seed's ViT
  VIT_ARG(std::string, arch);   ///< architecture of a `model` file that does not say
  VIT_ARG(std::vector<std::string>, model_args);  ///< `key=value`, any VisionTransformerOptions
  VIT_ARG(std::optional<Size2d>, img_size);       ///< null: what the model says
  VIT_ARG(std::string, recipe);                   ///< where the values came from
  VIT_ARG(std::int64_t, holdout) = 0;  ///< training images that validate; 0: the data's own
  VIT_ARG(std::string, train_split) = "train";     ///< see data::DataOptions
  VIT_ARG(std::string, val_split) = "validation";  ///< see data::DataOptions
  VIT_ARG(std::string, class_map);                 ///< see data::DataOptions; empty: none
  VIT_ARG(RunOptions, run);

  VIT_ARG(std::int64_t, epochs) = 100;
  VIT_ARG(std::int64_t, total_steps) = 0;  ///< length of the run instead of `epochs`; 0: not
  VIT_ARG(std::int64_t, batch_size) = 128;
  VIT_ARG(std::int64_t, accum) = 1;  ///< batches whose gradients make one step
  VIT_ARG(OptimizerOptions, optimizer);
  VIT_ARG(ScheduleOptions, schedule);
  VIT_ARG(std::string, amp) = "off";                   ///< off, bf16 or fp16
  VIT_ARG(bool, grad_checkpointing) = false;           ///< blocks run again in the backward pass
  VIT_ARG(std::string, matmul_precision) = "highest";  ///< highest or high
  VIT_ARG(std::string, kernels) = "torch";             ///< torch or own (nn::BlockKernels)

  VIT_ARG(data::AugmentOptions, augment);
  VIT_ARG(std::string, labels_csv);          ///< see data::DataOptions; empty: one class an image
  VIT_ARG(std::string, sampler) = "random";  ///< random or balanced
  VIT_ARG(double, repeated_aug) = 0;         ///< each image so many times in an epoch; 0: once
  VIT_ARG(LossOptions, loss);
  VIT_ARG(data::MixOptions, mix);
  VIT_ARG(DistillationOptions, distillation);
  VIT_ARG(LoraOptions, lora);
  VIT_ARG(RegularizationOptions, regularization);

  VIT_ARG(std::vector<double>, mean);         ///< of pixels in [0, 1]; empty: what the model says
  VIT_ARG(std::vector<double>, std);          ///< of pixels in [0, 1]; empty: what the model says
  VIT_ARG(std::optional<double>, crop_pct);   ///< of evaluation; null: what the model says
  VIT_ARG(std::vector<std::string>, labels);  ///< class names for the model file; empty: the data's
};

template <class Visitor>
void visit(TrainOptions& o, Visitor&& v) {
  auto data = in_group("Data and model", v);
  data("data", o.data(),
       Field{.help =
                 "Class folders or tar shards under train/ and val/, a pattern of shards, "
                 "ImageNet's archives (train.tar and val.tar, or one), or MNIST's four IDX files",
             .resumable = true,
             .timm = "data,data_dir",
             .value = "DIR"});
  data("model", o.model(),
       Field{.help = "Architecture (from scratch), or model file (fine-tuning)",
             .value = "ARCH|FILE"});
  data("arch", o.arch(),
       Field{.help = "Architecture of a `model` file that does not say", .value = "ARCH"});
  data("model_args", o.model_args(),
       Field{.help = "Any option of the model",
             .timm = "model_kwargs",
             .flag = "--model-arg",
             .value = "key=value …"});
  data("img_size", o.img_size(),
       Field{.help = "Pixels: N, or H W", .low = 1, .high = 65536, .timm = "img_size"});
  data("recipe", o.recipe(), Field{.help = "Values for every option; each flag still overrides"});
  data("holdout", o.holdout(),
       Field{.help = "Validate on N images drawn from those to train on, not on the dataset's own",
             .low = 0,
             .high = kManySteps});
  data("train_split", o.train_split(),
       Field{.help = "Folder of `data` to train on; a synonym as timm knows them will do",
             .timm = "train_split",
             .value = "NAME"});
  data("val_split", o.val_split(),
       Field{.help = "Folder of `data` to validate on, by default any of val, valid, validation, "
                     "eval, evaluation",
             .timm = "val_split",
             .value = "NAME"});
  data("class_map", o.class_map(),
       Field{.help =
                 "Which class folder has which index: a folder a line, the first is 0; images "
                 "of other folders are left out. Of a flat archive: an image and its class a line",
             .timm = "class_map",
             .value = "FILE"});
  data("labels_csv", o.labels_csv(),
       Field{.help =
                 "Any number of classes an image: a CSV of files in `data` with a column of 0 and "
                 "1 a class, or a column `labels` of names; binary cross-entropy, mAP",
             .value = "FILE"});
  data("sampler", o.sampler(),
       Field{.help = "random: each image once an epoch; balanced: each class as often",
             .names = {"random", "balanced"}});

  visit(o.run(), in_group("Run folder", v));

  auto steps = in_group("Optimiser and schedule", v);
  steps("epochs", o.epochs(),
        Field{.help = "Times through the data; may be raised with `resume`",
              .low = 1,
              .high = kManySteps,
              .timm = "epochs"});
  steps(
      "total_steps", o.total_steps(),
      Field{.help = "Length of the run in steps, instead of `epochs`; the last epoch is cut short",
            .low = 0,
            .high = kManySteps});
  steps("batch_size", o.batch_size(),
        Field{.help = "Images at once; made smaller for a smaller dataset unless given",
              .low = 1,
              .high = kManySteps,
              .timm = "batch_size"});
  steps("accum", o.accum(),
        Field{.help = "Batches whose gradients make one step",
              .low = 1,
              .high = kManySteps,
              .timm = "grad_accum_steps"});
  visit(o.optimizer(), steps);
  visit(o.schedule(), steps);
  // Alone it is float16, as in timm.
  steps("amp", o.amp(),
        Field{.help = "Precision of matrix products; alone: fp16, as in timm, with loss scaling",
              .names = {"bf16", "fp16", "off"},
              .alone = "fp16"});
  steps("grad_checkpointing", o.grad_checkpointing(),
        Field{.help = "Run each block a second time in the backward pass instead of keeping its "
                      "activations: the same bits with less memory, a quarter slower",
              .resumable = true,
              .timm = "grad_checkpointing"});
  steps("matmul_precision", o.matmul_precision(),
        Field{.help =
                  "Products of float32; highest: as exact as float32's; high: TF32 on CUDA, three "
                  "products of bfloat16 on a CPU with AMX (`kernels` own)",
              .names = {"highest", "high"}});
  steps("kernels", o.kernels(),
        Field{.help = "What computes the blocks on a CPU: LibTorch's operators, or our own kernels "
                      "where there are some",
              .names = {"torch", "own"}});

  auto augment = in_group("Augmentation", v);
  visit(o.augment(), augment);
  augment("repeated_aug", o.repeated_aug(),
          Field{.help = "Show an image N times in an epoch, and fewer images",
                .low = 0,
                .high = 1000,
                .timm = "aug_repeats"});

  auto regular = in_group("Regularisation", v);
  visit(o.loss(), regular);
  visit(o.mix(), regular);
  visit(o.distillation(), in_group("Distillation", v));
  visit(o.lora(), in_group("Fine-tuning", v));
  visit(o.regularization(), regular);

  auto images = in_group("Images", v);
  images("mean", o.mean(),
         Field{.help = "Of pixels in [0, 1]: one value a channel",
               .low = -1e6,
               .high = 1e6,
               .timm = "mean"});
  images("std", o.std(),
         Field{.help = "Of pixels in [0, 1]: one value a channel",
               .low = 0,
               .high = 1e6,
               .above_low = true,
               .timm = "std"});
  images("crop_pct", o.crop_pct(),
         Field{.help = "Evaluation: crop's share of the resized side",
               .low = 0.01,
               .high = 10,
               .timm = "crop_pct"});
  images("labels", o.labels(),
         Field{.help = "Class names for the model file, in order", .flag = "--label"});
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
