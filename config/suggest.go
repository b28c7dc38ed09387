package config

import "strings"

// suggest returns the known key that an unknown one was probably meant to be,
// or "": one with the same last part in another section, or else one that a few
// keystrokes away.
func suggest(key string, known []string) string {
	for _, k := range known {
		if last(k) == last(key) {
			return k
		}
	}
	best, bestDistance := "", len(key)/4+2
	for _, k := range known {
		if d := distance(key, k); d < bestDistance {
			best, bestDistance = k, d
		}
	}
	if best != "" {
		return best
	}
	bestDistance = len(last(key))/4 + 1
	for _, k := range known {
		if d := distance(last(key), last(k)); d < bestDistance {
			best, bestDistance = k, d
		}
	}
	return best
}

func last(key string) string { return key[strings.LastIndexByte(key, '.')+1:] }

// distance is the number of bytes to insert, remove or replace to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(diagonal+cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
