#!/usr/bin/env bash
# Makes the shipped bundle and everything in results/ again, but for ablations.md. Run it in the
# environment of `make`, from the project's root:
#   bash results/make.sh FOLDER [WORK]
# FOLDER holds train_features.parquet, train_labels.csv, val_features.parquet, sam_unlabelled.parquet
# and metadata.csv; WORK is for stores and studies. What is there already is not made anew.
set -euo pipefail
data=${1:?the folder of the runs}
work=${2:-scratch}
rm -f results/printed.txt
say() { tee -a results/printed.txt; }

egams prepare "$data/train_features.parquet" -o "$work/train.store"
egams prepare "$data/sam_unlabelled.parquet" -o "$work/sam.store"
egams cross-validate "$work/train.store" --experiment compact --sam-fold --whole \
    --sam-sources "$work/sam.store" -o "$work/study"
egams cross-validate "$work/train.store" --experiment compact --grouped \
    --sam-sources "$work/sam.store" -o "$work/grouped"
egams tables "$work/study" -o results/tables
egams tables "$work/grouped" -o results/tables-grouped
egams bundle "$work/study" -o src/egams/shipped
egams predict "$data/val_features.parquet" -o results/holdout/shipped.csv

egams export "$work/study" "$work/train.store" --onnx "$work/student"

python benchmarks/out_of_fold.py "$work/train.store" "$work/study" | say
python benchmarks/grouped.py "$work/grouped" --ordinary "$work/study" | say
python benchmarks/onboard.py "$work/student" | say
for name in baseline prepare spectrogram; do python "benchmarks/$name.py" | say; done
python benchmarks/startup.py | say
