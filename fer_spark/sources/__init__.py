"""From what lies in the lake to one RAW_IMAGE table: each layout of pictures and annotations is read by Spark."""
