#!/usr/bin/env bash
# Makes the shipped bundle and everything in results/ again, but for ablations.md. Run it in the
# environment of `make`, from the project's root:
#   bash results/make.sh FOLDER [WORK]
# FOLDER holds all_features.parquet and all_labels.csv (the labelled runs of train and val, one file after the other),
# train_features.parquet, train_labels.csv, val_features.parquet, sam_unlabelled.parquet and
# metadata.csv; WORK is for stores and studies. What is there already is not made anew.
set -euo pipefail
data=${1:?the folder of the runs}
work=${2:-scratch}
rm -f results/printed.txt
say() { tee -a results/printed.txt; }

bash results/bundle.sh "$data" "$work"
cp -r "$work/all-tables/." results/all-runs
egams export "$work/all" "$work/all.store" --int8-only --onnx src/egams/onboard/shipped
egams cross-validate "$work/all.store" --experiment compact --grouped --sam-sources "$work/sam.store" -o "$work/all-grouped"
python benchmarks/missing_data.py "$work/all" "$data/all_features.parquet" "$data/metadata.csv" "$data/all_labels.csv" \
    > results/missing.md
egams prepare "$data/train_features.parquet" -o "$work/train.store"
egams cross-validate "$work/train.store" --experiment compact --sam-fold --whole \
    --sam-sources "$work/sam.store" -o "$work/study"
egams study report "$work/study" -o results/tables
egams study report "$work/all-grouped" -o results/tables-grouped

# More experiments beside the compact ones, which are trained already; and 16 folds, for the learning curve.
test -d "$work/zoo" || cp -r "$work/study" "$work/zoo"
egams cross-validate "$work/train.store" --sam-sources "$work/sam.store" -o "$work/zoo" --whole \
    --experiment conv1d_evidence_seed1 --experiment small_catboost_evidence
egams cross-validate "$work/train.store" --sam-sources "$work/sam.store" -o "$work/zoo" \
    --experiment conv1d_moved_evidence --experiment 'small_resnet*' --experiment small_gru \
    --experiment small_lstm --experiment small_vit1d_band_sbg5
egams study report "$work/zoo" -o results/zoo --ensemble 8
sed 's#](\([a-z-]*\)\.md)#](zoo/\1.md)#' results/zoo/report.md > results/zoo.md
egams cross-validate "$work/train.store" --sam-sources "$work/sam.store" -o "$work/more" \
    --experiment small_seresnext --experiment small_dpn --experiment small_vit1d --experiment small_vit
egams study report "$work/more" -o "$work/more-tables"
cp "$work/more-tables/experiments.md" results/zoo/more.md
egams bundle "$work/zoo" --ensemble 8 -o "$work/zoo.bundle"
egams predict "$data/val_features.parquet" --bundle "$work/zoo.bundle" -o results/holdout/zoo.csv
egams cross-validate "$work/train.store" --sam-sources "$work/sam.store" -o "$work/folds16" \
    --folds 16 --experiment neighbours --experiment lightgbm_evidence \
    --experiment lightgbm_all_evidence

python benchmarks/out_of_fold.py "$work/train.store" "$work/study" | say
python benchmarks/grouped.py "$work/all-grouped" --ordinary "$work/all" | say
python benchmarks/onboard.py src/egams/onboard/shipped | say
for name in baseline prepare spectrogram; do python "benchmarks/$name.py" | say; done
python benchmarks/startup.py | say
python benchmarks/explain.py simulated --runs 400 | say
python benchmarks/explain.py deletion "$work/study" "$work/train.store" | say
python benchmarks/explain.py shuffled "$work/train.store" --runs 40 | say

python benchmarks/teach.py "$work/all" "$work/all.store" | say
python benchmarks/teach.py "$work/all-grouped" "$work/all.store" | say
python benchmarks/teach.py "$work/all-grouped" "$work/all.store" --groups 4 | say
python benchmarks/library.py | say

python benchmarks/train_loop.py | say
python benchmarks/step_floor.py --batch 32 --runs 64 conv1d_evidence 'small_*' | say
python benchmarks/together.py | say
python benchmarks/grow.py | say
python benchmarks/predict_many.py "$data/train_features.parquet" | say
python benchmarks/predict_many.py --zoo 26 | say
python benchmarks/serve.py | say
