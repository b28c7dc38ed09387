// Package tools pins the programs that the repository is checked with, in a
// module of its own so that their many dependencies stay out of Tidemark's. Its
// tests check the checks: that the import rules of the linter bite.
package tools
