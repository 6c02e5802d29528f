# SPDX-License-Identifier: BSD-3-Clause
# arguments: --noinstrumenter --instrumenter-file=instrumenter_file/hook.py
import corpus_module


def own(n):
    return corpus_module.outer(n)


thing = corpus_module.Thing()
print(own(3), corpus_module.named(2), thing.method(), thing.other())
