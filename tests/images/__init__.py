"""Tests of e2e/images that build nothing."""
