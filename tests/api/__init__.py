"""Tests of the wire: plain values in, plain values out."""
