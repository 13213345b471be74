/* Bit i: whether byte i of 64 is not 0. */
static inline uint64_t FG_NAME(nonzero_bits)(const uint8_t *p)
{
#if LANES == 16
    const __m512i bytes = _mm512_loadu_si512(p);
    return _mm512_test_epi8_mask(bytes, bytes);
#elif LANES == 8
    const __m256i zero = _mm256_setzero_si256();
    const __m256i low = _mm256_cmpeq_epi8(_mm256_loadu_si256((const __m256i *)p), zero);
    const __m256i high = _mm256_cmpeq_epi8(_mm256_loadu_si256((const __m256i *)(p + 32)), zero);
    return ~((uint64_t)(uint32_t)_mm256_movemask_epi8(low) | (uint64_t)(uint32_t)_mm256_movemask_epi8(high) << 32);
#elif LANES == 4
    static const uint8_t weights[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    const uint8x16_t weight = vld1q_u8(weights);
    const uint8x16_t a = vbicq_u8(weight, vceqzq_u8(vld1q_u8(p))), b = vbicq_u8(weight, vceqzq_u8(vld1q_u8(p + 16)));
    const uint8x16_t c = vbicq_u8(weight, vceqzq_u8(vld1q_u8(p + 32))), d = vbicq_u8(weight, vceqzq_u8(vld1q_u8(p + 48)));
    const uint8x16_t sums = vpaddq_u8(vpaddq_u8(a, b), vpaddq_u8(c, d));
    return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(sums, sums)), 0);
#else
    uint64_t bits = 0;
    for (int k = 0; k < 8; k++) {
        const uint64_t low = 0x7f7f7f7f7f7f7f7fu;
        uint64_t bytes;
        memcpy(&bytes, p + 8 * k, sizeof bytes);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        bytes = __builtin_bswap64(bytes);
#endif
        const uint64_t ones = (((bytes & low) + low) | bytes) >> 7 & 0x0101010101010101u;
        bits |= (ones * 0x0102040810204080u >> 56) << 8 * k; /* the product moves bit 8 i to bit 56 + i */
    }
    return bits;
#endif
}

/* The same of the first n < 64 bytes; nothing else is read. */
static inline uint64_t FG_NAME(nonzero_bits_part)(const uint8_t *p, int64_t n)
{
    uint8_t block[64] = {0};
    memcpy(block, p, (size_t)n);
    return FG_NAME(nonzero_bits)(block);
}

/* Where a row differs from the one above, whose bits `above` holds and gives way to those of this row. */
static int64_t FG_NAME(row_changes)(const uint8_t *row, int64_t width, uint64_t *above, uint32_t y, fg_change *out)
{
    int64_t n = 0;
    for (int64_t x = 0; x < width; x += 64) {
        const uint64_t bits =
            width - x >= 64 ? FG_NAME(nonzero_bits)(row + x) : FG_NAME(nonzero_bits_part)(row + x, width - x);
        for (uint64_t changed = bits ^ above[x / 64]; changed; changed &= changed - 1)
            out[n++] = (fg_change){(uint32_t)x + (uint32_t)__builtin_ctzll(changed), y};
        above[x / 64] = bits;
    }
    return n;
}

/* Where pixels side by side differ from the one before; `before` is the bit of the one ahead of the first. */
static int64_t FG_NAME(column_changes)(const uint8_t *pixels, int64_t n_pixels, uint64_t *before, uint32_t first, uint32_t *out)
{
    int64_t n = 0;
    for (int64_t y = 0; y < n_pixels; y += 64) {
        const int64_t left = n_pixels - y;
        const uint64_t bits = left >= 64 ? FG_NAME(nonzero_bits)(pixels + y) : FG_NAME(nonzero_bits_part)(pixels + y, left);
        uint64_t changed = bits ^ (bits << 1 | *before);
        if (left < 64)
            changed &= ((uint64_t)1 << left) - 1;
        for (; changed; changed &= changed - 1)
            out[n++] = first + (uint32_t)y + (uint32_t)__builtin_ctzll(changed);
        *before = bits >> (left < 64 ? left - 1 : 63) & 1;
    }
    return n;
}
