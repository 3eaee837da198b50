"""The two towers of the demo encoder: a small residual network for pictures, a bag of words for sentences.

The sentence tower knows the words that the generator's captions are made of and no order: "a red car and a blue boat"
and "a blue car and a red boat" get one vector. Words it does not know are left out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from conceptatlas.models.demo_nets import ResidualBlock

DIM = 64
WIDTHS = (16, 32, 64, 128, 128)
WORD_WIDTH = 96


def words_of(text: str) -> list[str]:
    """The words of a text: lower case, runs of letters.

    >>> words_of("A cat with striped fur.")
    ['a', 'cat', 'with', 'striped', 'fur']
    """
    return re.findall(r"[a-z]+", text.lower())


class PictureTower(nn.Module):
    """A stem and four residual blocks; mean and maximum over positions; a linear map."""

    def __init__(self) -> None:
        super().__init__()
        stem, *widths = WIDTHS
        self.stem = nn.Sequential(
            nn.Conv2d(3, stem, 5, stride=2, padding=2, bias=False), nn.BatchNorm2d(stem), nn.ReLU()
        )
        inputs = [stem, *widths[:-1]]
        self.blocks = nn.ModuleList(
            [ResidualBlock(i, o, stride=s) for i, o, s in zip(inputs, widths, (2, 2, 1, 2), strict=True)]
        )
        self.head = nn.Linear(2 * widths[-1], DIM)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(image, 3, 96, 96) -> (image, DIM)."""
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return self.head(torch.cat([x.mean(dim=(2, 3)), x.amax(dim=(2, 3))], dim=1))


class SentenceTower(nn.Module):
    """The mean of word vectors, through a two-layer perceptron and around it."""

    def __init__(self, n_words: int) -> None:
        super().__init__()
        self.embedding = nn.Linear(n_words, WORD_WIDTH)
        self.norm = nn.LayerNorm(WORD_WIDTH)
        self.hidden = nn.Sequential(nn.Linear(WORD_WIDTH, 2 * WORD_WIDTH), nn.GELU(), nn.Linear(2 * WORD_WIDTH, DIM))
        self.around = nn.Linear(WORD_WIDTH, DIM)

    def forward(self, bags: torch.Tensor) -> torch.Tensor:
        """Word counts float32 (text, word) -> (text, DIM)."""
        x = self.norm(self.embedding(bags / bags.sum(dim=1, keepdim=True).clamp(min=1)))
        return self.hidden(x) + self.around(x)


class Towers(nn.Module):
    """Both towers, the words of the sentence tower, and the logarithm of the inverse temperature."""

    def __init__(self, words: Sequence[str]) -> None:
        super().__init__()
        self.words = list(words)
        self.pictures = PictureTower()
        self.sentences = SentenceTower(len(self.words))
        self.log_scale = nn.Parameter(torch.tensor(2.5))
        self._numbers = {word: number for number, word in enumerate(self.words)}

    def bags(self, texts: Sequence[str]) -> torch.Tensor:
        """How often each word stands in each text, float32 (text, word); of a word that is not known its plural or
        singular, where that is."""
        n = len(self.words)
        found = [(row, self._known(word)) for row, text in enumerate(texts) for word in words_of(text)]
        places = [row * n + number for row, number in found if number is not None]
        counts = np.bincount(np.array(places, dtype=np.int64), minlength=len(texts) * n)
        return torch.from_numpy(counts.astype(np.float32).reshape(len(texts), n))

    def _known(self, word: str) -> int | None:
        forms = (word, f"{word}s", word.removesuffix("s"))
        return next((self._numbers[form] for form in forms if form in self._numbers), None)
