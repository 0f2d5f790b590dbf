"""What timm's users bring to vit-train: its flag names, and the args.yaml that its train.py writes."""

import json

import pytest
import timm.data
import yaml

from test_train import write_folders

# train.py's arguments and their defaults (1.0.31), as it dumps them.
BASE = dict(
    data=None, data_dir=None, dataset="", train_split="train", val_split="validation", train_num_samples=None,
    val_num_samples=None, dataset_download=False, class_map="", input_img_mode=None, input_key=None, target_key=None,
    dataset_trust_remote_code=False, model="resnet50", pretrained=False, pretrained_path=None, initial_checkpoint="",
    resume="", no_resume_opt=False, num_classes=None, gp=None, img_size=None, in_chans=None, input_size=None,
    crop_pct=None, mean=None, std=None, interpolation="", batch_size=128, validation_batch_size=None,
    channels_last=False, fuser="", grad_accum_steps=1, grad_checkpointing=False, fast_norm=False, model_kwargs={},
    head_init_scale=None, head_init_bias=None, torchcompile_mode=None, torchscript=False, torchcompile=None,
    device="cuda", amp=False, amp_dtype="float16", model_dtype=None, no_ddp_bb=False, synchronize_step=False,
    local_rank=0, device_modules=None, opt="sgd", opt_eps=None, opt_betas=None, momentum=0.9, weight_decay=2e-05,
    clip_grad=None, clip_mode="norm", layer_decay=None, layer_decay_min_scale=0, layer_decay_no_opt_scale=None,
    opt_kwargs={}, sched="cosine", sched_on_updates=False, lr=None, lr_base=0.1, lr_base_size=256, lr_base_scale="",
    lr_noise=None, lr_noise_pct=0.67, lr_noise_std=1.0, lr_cycle_mul=1.0, lr_cycle_decay=0.5, lr_cycle_limit=1,
    lr_k_decay=1.0, warmup_lr=1e-05, min_lr=0, epochs=300, epoch_repeats=0.0, start_epoch=None,
    decay_milestones=[90, 180, 270], decay_epochs=90, warmup_epochs=5, warmup_prefix=False, cooldown_epochs=0,
    patience_epochs=10, decay_rate=0.1, no_aug=False, train_crop_mode=None, scale=[0.08, 1.0],
    ratio=[0.75, 1.3333333333333333], hflip=0.5, vflip=0.0, color_jitter=0.4, color_jitter_prob=None,
    grayscale_prob=None, gaussian_blur_prob=None, aa=None, aug_repeats=0, aug_splits=0, jsd_loss=False, bce_loss=False,
    bce_sum=False, bce_target_thresh=None, bce_pos_weight=None, reprob=0.0, remode="pixel", recount=1, resplit=False,
    mixup=0.0, cutmix=0.0, cutmix_minmax=None, mixup_prob=1.0, mixup_switch_prob=0.5, mixup_mode="batch",
    mixup_off_epoch=0, smoothing=0.1, train_interpolation="random", drop=0.0, drop_connect=None, drop_path=None,
    drop_block=None, bn_momentum=None, bn_eps=None, sync_bn=False, dist_bn="reduce", split_bn=False, model_ema=False,
    model_ema_force_cpu=False, model_ema_decay=0.9998, model_ema_warmup=False, seed=42, worker_seeding="all",
    log_interval=50, recovery_interval=0, checkpoint_hist=10, workers=4, save_images=False, pin_mem=False,
    no_prefetcher=False, output="", experiment="", eval_metric="top1", tta=0, use_multi_epochs_loader=False,
    log_wandb=False, wandb_project=None, wandb_tags=[], wandb_resume_id="", val_interval=1, kd_model_name=None,
    kd_distill_type="logit", kd_loss_type="kl", kd_temperature=4.0, kd_token_distill_type="soft",
    kd_student_feature_dim=None, kd_teacher_feature_dim=None, distill_loss_weight=None, task_loss_weight=None,
    naflex_loader=False, naflex_loss_scale="linear", naflex_max_seq_len=576, naflex_patch_size_probs=None,
    naflex_patch_sizes=None, naflex_patchify_channels_first=False, naflex_train_seq_lens=[128, 256, 576, 784, 1024],
    train_batch_sizes=None, train_batches_per_epoch=None, train_img_sizes=None, train_size_probs=None,
    train_size_random_mix=0.1, train_size_schedule="constant", train_size_schedule_spread=0.65,
    variable_batch_loss_scale="none")

# What those defaults come to, for every option that we have but the machine's (threads, device).
DEFAULTS = dict(
    model="", arch="", model_args=[], img_size=None, recipe="", holdout=0, train_split="train", val_split="validation",
    class_map="", labels_csv="", sampler="random", output="", val_every=1, checkpoint_every=0, keep=10, max_steps=0,
    log_every=50, tensorboard=False, workers=4, seed=42, epochs=300, total_steps=0, batch_size=128, accum=1, opt="sgd",
    lr=0.05, lr_base=1e-3, lr_base_size=0, weight_decay=2e-5, opt_eps=None, opt_betas=[], momentum=0.9, layer_decay=None,
    freeze_blocks=0, clip_grad=None, sched="cosine", warmup_epochs=5, warmup_steps=0, warmup_lr=1e-5, min_lr=0,
    decay_epochs=90, decay_rate=0.1, amp="off", grad_checkpointing=False, aa="", three_augment=False, color_jitter=[0.4], color_jitter_prob=None,
    grayscale_prob=0, gaussian_blur_prob=0, hflip=0.5, vflip=0, crop_mode="rrc", scale=[0.08, 1], ratio=[3 / 4, 4 / 3],
    padding=2, train_interpolation="random", reprob=0, remode="pixel", recount=1, repeated_aug=0, smoothing=0.1, bce=False,
    bce_target_thresh=None, bce_sum=False, class_weights="", mixup=0, cutmix=0, cutmix_minmax=[], mixup_prob=1,
    mixup_switch_prob=0.5, mixup_mode="batch", mixup_off_epoch=0, distillation="none", teacher="", kd_distill_type="auto",
    kd_temperature=4, task_loss_weight=None, distill_loss_weight=None, lora_rank=0, lora_alpha=None,
    lora_targets=["qkv", "proj", "fc1", "fc2"], drop=0, drop_path=None, ema=None, ema_warmup=False, mean=[], std=[],
    crop_pct=None, labels=[], matmul_precision="highest", kernels="torch")

# Published recipes, as their authors' papers and repositories have them; sizes made small.
RECIPES = {
    "deit": (
        dict(model="deit_tiny_patch16_224", batch_size=4, opt="adamw", opt_eps=1e-8, weight_decay=0.05, lr=5e-4,
             epochs=300, warmup_epochs=5, warmup_lr=1e-6, min_lr=1e-5, aa="rand-m9-mstd0.5-inc1", color_jitter=0.3,
             reprob=0.25, mixup=0.8, cutmix=1.0, smoothing=0.1, drop_path=0.1, aug_repeats=3,
             train_interpolation="bicubic", model_ema=True, model_ema_decay=0.99996),
        dict(model="deit_tiny_patch16_224", batch_size=4, opt="adamw", opt_eps=1e-8, opt_betas=[], weight_decay=0.05,
             lr=5e-4, epochs=300, warmup_epochs=5, warmup_lr=1e-6, min_lr=1e-5, aa="rand-m9-mstd0.5-inc1",
             color_jitter=[0.3], reprob=0.25, remode="pixel", recount=1, mixup=0.8, cutmix=1.0, mixup_prob=1.0,
             mixup_switch_prob=0.5, mixup_mode="batch", smoothing=0.1, drop_path=0.1, repeated_aug=3,
             train_interpolation="bicubic", ema=0.99996, ema_warmup=False, amp="off", bce=False, keep=10, sched="cosine",
             scale=[0.08, 1.0], clip_grad=None, seed=42, workers=4)),
    "deit3": (
        dict(model="deit3_small_patch16_224", batch_size=4, grad_accum_steps=2, opt="lamb", weight_decay=0.02, lr=3e-3,
             epochs=800, warmup_epochs=5, aa="3a", color_jitter=0.3, train_crop_mode="rrc", bce_loss=True, bce_sum=False,
             bce_target_thresh=None, mixup=0.8, cutmix=1.0, smoothing=0.0, drop_path=0.05, clip_grad=1.0, amp=True,
             amp_dtype="bfloat16", sched_on_updates=True, reprob=0.0),
        dict(model="deit3_small_patch16_224", batch_size=4, accum=2, opt="lamb", opt_eps=None, weight_decay=0.02,
             lr=3e-3, epochs=800, aa="3a", color_jitter=[0.3], crop_mode="rrc", bce=True, bce_sum=False, mixup=0.8,
             cutmix=1.0, smoothing=0, drop_path=0.05, clip_grad=1, amp="bf16", ema=None, warmup_lr=1e-5)),
    "mae-ft": (
        dict(model="vit_small_patch16_224", batch_size=2, opt="adamw", opt_betas=[0.9, 0.999], weight_decay=0.05,
             layer_decay=0.65, lr_base=5e-4, lr_base_size=256, lr_base_scale="linear", epochs=100, warmup_epochs=5,
             aa="rand-m9-mstd0.5-inc1", color_jitter=None, reprob=0.25, mixup=0.8, cutmix=1.0, drop_path=0.1,
             model_kwargs=dict(class_token=False, global_pool="avg")),
        dict(model="vit_small_patch16_224", batch_size=2, opt="adamw", opt_betas=[0.9, 0.999], weight_decay=0.05,
             layer_decay=0.65, lr=5e-4 * 2 / 256, epochs=100, warmup_epochs=5, color_jitter=[], reprob=0.25,
             aa="rand-m9-mstd0.5-inc1", mixup=0.8, cutmix=1, drop_path=0.1,
             model_args=["class_token=false", "global_pool=avg"])),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("data")
    write_folders(made)
    return made


def write(path, **values):
    path.write_text(yaml.safe_dump({**BASE, **values}, default_flow_style=False))
    return path


def plan(vit, *words):
    return json.loads(vit.run("vit-train", *words, "--dry-run").stdout)["options"]


@pytest.mark.parametrize("name", RECIPES)
def test_reads_the_args_of_a_published_recipe(vit, folder, tmp_path, name):
    asked, expected = RECIPES[name]
    found = plan(vit, "-c", write(tmp_path / "args.yaml", data_dir=str(folder), **asked))
    assert found.pop("data") == str(folder)
    assert found.pop("threads") and found.pop("device")
    expected = {**DEFAULTS, **expected}
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        assert found[key] == (pytest.approx(value) if isinstance(value, float) else value), key


@pytest.mark.parametrize("recipe, lr", [("deit", 5e-4 * 8 / 512), ("deit3", 3e-3 * 8 / 2048), ("mae-ft", 5e-4 * 8 / 256)])
def test_a_recipe_scales_its_rate_and_trains(vit, folder, tmp_path, recipe, lr):
    words = ("--data", folder, "--recipe", recipe, "--model-arg", "img_size=32", "patch_size=16", "embed_dim=16",
             "depth=2", "num_heads=2", "--batch-size", 4, "--accum", 2)
    dry = json.loads(vit.run("vit-train", *words, "--dry-run").stdout)
    assert dry["lr"] == pytest.approx(lr)
    vit.run("vit-train", *words, "--max-steps", 1, "-o", tmp_path / "run")


def test_lets_flags_override_the_file(vit, folder, tmp_path):
    file = write(tmp_path / "args.yaml", data_dir=str(folder), model="vit_tiny_patch16_224", batch_size=4, opt="adamw")
    found = plan(vit, "--config", file, "--batch-size", 2, "--seed", 3, "--mixup", 0.2)
    assert (found["batch_size"], found["seed"], found["mixup"], found["opt"]) == (2, 3, 0.2, "adamw")
    assert found["lr"] == pytest.approx(0.1 * (2 / 256) ** 0.5)  # timm scales Adam's kin by the root


def test_counts_a_run_from_a_file_in_steps(vit, folder, tmp_path):
    file = write(tmp_path / "args.yaml", data_dir=str(folder), model="vit_tiny_patch16_224", batch_size=4)
    small = ("--model-arg", "img_size=16", "patch_size=8", "embed_dim=16", "depth=1", "num_heads=2", "-o", tmp_path / "run")
    words = ("-c", file, "--total-steps", 4, "--warmup-steps", 2, *small)
    found = plan(vit, *words)
    assert (found["total_steps"], found["warmup_steps"], found["warmup_epochs"]) == (4, 2, None)
    vit.run("vit-train", *words, "--max-steps", 2)
    vit.run("vit-train", *words, "--resume")
    vit.run("vit-train", *words, "--epochs", 2, "--dry-run", rc=2)


def test_prefers_epochs_of_warmup_that_are_given_to_a_recipes_steps(vit, folder):
    words = ("--data", folder, "--recipe", "augreg-ft", "--model", "vit_tiny_patch16_224", "--batch-size", 4)
    found = plan(vit, *words, "--warmup-epochs", 2)
    assert (found["warmup_steps"], found["warmup_epochs"]) == (0, 2)
    vit.run("vit-train", *words, "--warmup-epochs", 2, "--warmup-steps", 9, "--dry-run", rc=2)


def test_takes_timms_defaults_where_a_file_is_short(vit, folder, tmp_path):
    file = tmp_path / "short.yaml"
    file.write_text("model: vit_tiny_patch16_224\nbatch_size: 4\n")
    found = plan(vit, "--data", folder, "-c", file)
    assert (found["opt"], found["weight_decay"], found["color_jitter"]) == ("sgd", 2e-5, [0.4])
    assert found["lr"] == pytest.approx(0.1 * 4 / 256)


def test_lists_everything_that_it_lacks_and_what_makes_no_difference(vit, folder, tmp_path):
    file = write(tmp_path / "args.yaml", data_dir=str(folder), model="vit_tiny_patch16_224", jsd_loss=True, tta=2,
                 batch_size=4, channels_last=True)
    done = vit.run("vit-train", "-c", file, "--dry-run", rc=2)
    assert "jsd_loss: true" in done.stderr and "tta: 2" in done.stderr and done.stderr.count("\n") == 1
    file = write(tmp_path / "args.yaml", data_dir=str(folder), model="vit_tiny_patch16_224", batch_size=4,
                 channels_last=True)
    done = vit.run("vit-train", "-c", file, "--dry-run")
    assert "channels_last: true" in done.stderr and "sched_on_updates" in done.stderr


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 8)}]\n" for i in range(1, 10))


@pytest.mark.parametrize("text", ["[1, 2]", "a: [", "just words", "a: &a [*a]\n", "model: &a\n  x: *a\n", BOMB,
                                  "[" * 100 + "]" * 100])
def test_says_that_a_file_is_no_args_yaml(vit, folder, tmp_path, text):
    (tmp_path / "args.yaml").write_text(text)
    done = vit.run("vit-train", "--data", folder, "-c", tmp_path / "args.yaml", "--dry-run", rc=1)
    assert "args.yaml" in done.stderr and done.stderr.count("\n") == 1


def test_takes_timms_names_for_its_own_flags(vit, folder):
    found = plan(vit, "--data-dir", folder, "--model", "vit_tiny_patch16_224", "--batch-size", 2, "--grad-accum-steps", 2,
                 "--bce-loss", "--aug-repeats", 2, "--train-crop-mode", "rkrc", "--model-kwargs", "class_token=false",
                 "global_pool=avg", "--checkpoint-hist", 3, "--val-interval", 4, "--model-ema", "--model-ema-decay", 0.99,
                 "--amp", "--amp-dtype", "bfloat16", "--vflip", 0.5)
    expected = dict(accum=2, bce=True, repeated_aug=2, crop_mode="rkrc", keep=3, val_every=4, ema=0.99, amp="bf16",
                    vflip=0.5, model_args=["class_token=false", "global_pool=avg"])
    assert {key: found[key] for key in expected} == expected


def test_weighs_classes_from_a_file_or_by_their_number_of_images(vit, folder, tmp_path):
    def train(name, *words, rc=0):
        return vit.run("vit-train", "--data", folder, "--model-arg", "img_size=16", "patch_size=8", "embed_dim=16",
                       "depth=1", "num_heads=2", "--batch-size", 4, "--epochs", 1, "-o", tmp_path / name, *words, rc=rc)

    def loss(name):
        rows = [json.loads(line) for line in (tmp_path / name / "log.jsonl").read_text().splitlines()]
        return rows[-1]["train_loss"]

    (tmp_path / "weights").write_text("1\n1\n")
    (tmp_path / "other").write_text("1\n9.5\n")
    train("plain")
    train("even", "--class-weights", tmp_path / "weights")
    train("balanced", "--class-weights", "balanced")  # six images each
    train("uneven", "--class-weights", tmp_path / "other")
    assert loss("plain") == pytest.approx(loss("even")) == pytest.approx(loss("balanced"))
    assert loss("uneven") != pytest.approx(loss("plain"))
    for text, says in (("1\n", "2 weights"), ("1\nx\n", "line 2"), ("1\n-1\n", "line 2"), ("0\n0\n", "above 0")):
        (tmp_path / "wrong").write_text(text)
        assert says in train("wrong-run", "--class-weights", tmp_path / "wrong", rc=1).stderr


@pytest.mark.parametrize("words, amp, ema", [
    (("--amp",), "fp16", None), (("--amp", "--amp-dtype", "float16", "--model-ema"), "fp16", 0.9998),
    (("--amp", "bf16"), "bf16", None), (("--model-ema-decay", 0.5), "off", None)])
def test_a_bare_amp_is_float16_and_an_average_without_a_decay_timms(vit, folder, words, amp, ema):
    found = plan(vit, "--data", folder, "--model", "vit_tiny_patch16_224", "--batch-size", 2, *words)
    assert (found["amp"], found["ema"]) == (amp, ema)


def test_finds_splits_and_maps_classes_as_timm_does(vit, tmp_path):
    write_folders(tmp_path, ("a", "b", "c"), ("training", "valid", "extra"))
    for folder in ("training", "valid"):
        (tmp_path / folder / "map.txt").write_text("c\na\n")
    arguments = ("--data-dir", tmp_path, "--model", "vit_tiny_patch16_224", "--batch-size", 2)
    for words in ({}, {"class_map": "map.txt"}, {"train_split": "extra", "val_split": "train"}):
        flags = [word for key, value in words.items() for word in ("--" + key.replace("_", "-"), value)]
        done = vit.run("vit-train", *arguments, *flags, "--dry-run")
        found = json.loads(done.stdout)
        for half, split in (("train", "train"), ("val", "validation")):
            expected = timm.data.create_dataset("", str(tmp_path), split=words.get(half + "_split", split),
                                                class_map=words.get("class_map", ""))
            assert found[half + "_images"] == len(expected)
        indices = expected.reader.class_to_idx
        assert found["model"]["labels"] == sorted(indices, key=indices.get)
        assert ("images left out" in done.stderr) == ("class_map" in words)


def test_counts_a_run_in_steps_or_epochs(vit, folder):
    words = ("--data", folder, "--model", "vit_tiny_patch16_224", "--batch-size", 4)
    dry = json.loads(vit.run("vit-train", *words, "--total-steps", 7, "--dry-run").stdout)
    assert (dry["total_steps"], dry["steps_per_epoch"]) == (7, 3)
    dry = json.loads(vit.run("vit-train", *words, "--recipe", "augreg-ft", "--dry-run").stdout)
    assert (dry["total_steps"], dry["lr"], dry["options"]["warmup_steps"]) == (20000, 0.03, 500)
    dry = json.loads(vit.run("vit-train", *words, "--recipe", "augreg-ft", "--epochs", 2, "--dry-run").stdout)
    assert dry["total_steps"] == 6
    done = vit.run("vit-train", *words, "--total-steps", 7, "--epochs", 2, "--dry-run", rc=2)
    assert "--total-steps" in done.stderr and "--epochs" in done.stderr


def test_takes_the_teacher_of_a_timm_run_by_its_file(vit, folder, tmp_path):
    values = dict(data_dir=str(folder), model="deit_tiny_distilled_patch16_224", batch_size=2, kd_model_name="vit_base",
                  kd_distill_type="token", kd_token_distill_type="hard", kd_temperature=3.0, task_loss_weight=0.5)
    file = write(tmp_path / "args.yaml", **values)
    done = vit.run("vit-train", "-c", file, "--dry-run", rc=2)
    assert "kd_model_name" in done.stderr and "--teacher FILE" in done.stderr
    vit.run("vit-train", "--data", folder, "--model-arg", "img_size=224", "patch_size=112", "embed_dim=8", "depth=1",
            "num_heads=1", "--batch-size", 4, "--max-steps", 1, "-o", tmp_path / "teacher")
    teacher = tmp_path / "teacher/last.safetensors"
    found = plan(vit, "-c", file, "--teacher", teacher)
    expected = dict(distillation="hard", teacher=str(teacher), kd_distill_type="token",
                    kd_temperature=3, task_loss_weight=0.5, distill_loss_weight=None)
    assert {key: found[key] for key in expected} == expected
