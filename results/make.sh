#!/usr/bin/env bash
# Makes everything in results/ again. Run it in the environment of `make`, from the project's root:
#   bash results/make.sh FOLDER
# FOLDER holds train_features.parquet, train_labels.csv, val_features.parquet and metadata.csv.
set -euo pipefail
data=${1:?the folder of the runs}
work=${2:-scratch}
rm -f results/printed.txt
say() { tee -a results/printed.txt; }

egams prepare "$data/train_features.parquet" -o "$work/train.store"
egams cross-validate "$work/train.store" --experiment compact --sam-fold -o "$work/study"
egams tables "$work/study" -o results/tables
egams bundle "$work/study" -o "$work/families.bundle"
egams predict "$work/families.bundle" "$data/val_features.parquet" -o results/holdout/compact.csv

python benchmarks/out_of_fold.py "$work/train.store" "$work/study" | say
for name in baseline prepare spectrogram; do python "benchmarks/$name.py" | say; done
python benchmarks/startup.py --bundle "$work/families.bundle" | say
