"""Train the demo's image-text encoder and measure it on held-out scenes."""

from conceptatlas.encoders.demo_training import train_demo_encoder
from conceptatlas.jobs import job


def main() -> None:
    with job(script=__file__, log=snakemake.log[0], code=snakemake.params.code):
        train_demo_encoder(
            scenes=snakemake.input.scenes,
            weights=snakemake.output.weights,
            accuracy=snakemake.output.accuracy,
            threads=snakemake.threads,
        )


if __name__ == "__main__":
    main()
