#!/usr/bin/env bash
# Makes the shipped bundle from labelled runs, with its model card, and all tables of its study. Run it
# in the environment of `make`, from the project's root:
#   bash results/bundle.sh FOLDER [WORK] [OUTPUT] [--ensemble N]
# FOLDER holds all_features.parquet, all_labels.csv, sam_unlabelled.parquet and metadata.csv; WORK is
# for stores and the study (what is trained there already is kept); OUTPUT is the bundle. For the best
# bundle of any size, train more experiments into WORK/all first, and give a name of its own:
#   egams cross-validate WORK/all.store -o WORK/all --whole --experiment author
#   bash results/bundle.sh FOLDER WORK best.bundle --ensemble 8
set -euo pipefail
data=${1:?the folder of the runs}
work=${2:-scratch}
output=${3:-src/egams/shipped}

egams prepare "$data/all_features.parquet" --labels "$data/all_labels.csv" -o "$work/all.store"
egams prepare "$data/sam_unlabelled.parquet" -o "$work/sam.store"
egams cross-validate "$work/all.store" --experiment compact --whole --sam-fold \
    --sam-sources "$work/sam.store" -o "$work/all"
egams study report "$work/all" -o "$work/all-tables" "${@:4}"
egams bundle "$work/all" -o "$output" "${@:4}"
