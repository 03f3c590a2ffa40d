"""Benchmarks that anyone can rerun: ours and the peer's in one run, as a ratio. None of them is a test.

python -m tests.benchmarks build          # small pictures to shards: whole jobs, Ray Data, Daft; seconds, CPU, memory
python -m tests.benchmarks score          # small pictures to scores: the same
python -m tests.benchmarks prepare        # small pictures: the stage that prepares, against two-process loops
python -m tests.benchmarks photographs    # 8-megapixel photographs, 48 px gray and 256 px colour, likewise
python -m tests.benchmarks faces-scored   # scoring, raw pictures and prepared faces: loop and predict_batch_udf
python -m tests.benchmarks reader         # batches of 48 px faces: ours, and the other ways to read them
python -m tests.benchmarks lime           # explanations per second: ours, lime_image, captum

Without a name, all of these; these two, which need make jars, where they are named:

python -m tests.benchmarks places         # small pictures to shards: a cluster, local mode, from disk and from S3
python -m tests.benchmarks clients        # small objects of S3: what clients for Python take of the processor

make bench, or make bench WHAT=places, runs them with the packages of make peers, and leaves bench-output/results.md,
.json and .png. These print figures of their own:

python -m tests.benchmarks eyes           # where the eyes are found: small first, one pass at 320 px, and the truth
python -m tests.benchmarks faces          # all the faces of group photographs: recall and cost, ours and one pass
python -m tests.benchmarks training       # the training loop on shards, and on a tensor in memory
python -m tests.benchmarks scale --images 1000000   # drawn pictures through build-shards, score, explore; 2 GB driver
python -m tests.benchmarks start          # seconds from the command to the scores of five pictures
python -m tests.benchmarks explore        # 2.5 to 10 million annotation rows explored in a 2 GB driver
python -m tests.benchmarks smoke          # few pictures: fails where a ratio is below half of its goal
python -m tests.benchmarks.gpu check      # on a GPU: steps, predictions, explanations
"""
