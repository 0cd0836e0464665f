"""Large libraries that read many formats, each behind the one Extractor; none is installed with us."""
