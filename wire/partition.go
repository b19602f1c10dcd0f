package wire

// Partition returns which of n partitions holds the entity: FNV-1a of category, a zero byte and id,
// finished with the 64-bit mixer of MurmurHash3. It never changes, since logs are laid out by it.
func Partition(category, id string, n int) int {
	const prime = 1099511628211
	h := uint64(14695981039346656037)
	for i := range len(category) {
		h = (h ^ uint64(category[i])) * prime
	}
	h *= prime
	for i := range len(id) {
		h = (h ^ uint64(id[i])) * prime
	}
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	h ^= h >> 33
	return int(h % uint64(n))
}
