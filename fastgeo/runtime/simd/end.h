/* Ends a target region and takes its vocabulary back. */
#undef FG_PASTE_
#undef FG_PASTE
#undef FG_NAME
#undef FG_ISA
#undef FG_REAL_SUFFIX
#undef FG_MM
#undef FG_MMI
#undef real
#undef real_int
#undef REAL_FMA
#undef REAL_SQRT
#undef REAL_ABS
#undef REAL_NEXT
#undef REAL_EPSILON
#undef REAL_MIN
#undef LANES
#undef REGISTERS
#undef vreal
#undef vint
#undef vmask
#undef v_set1
#undef v_broadcast
#undef v_load
#undef v_load_part
#undef v_load_float
#undef v_load_float_part
#undef v_keep
#undef v_store
#undef v_stream
#undef v_stream_end
#undef v_store_part
#undef v_store_low
#undef v_store_high
#undef v_add
#undef v_sub
#undef v_mul
#undef v_div
#undef v_sqrt
#undef v_fma
#undef v_fnma
#undef v_abs
#undef v_max
#undef v_min
#undef v_lt
#undef v_le
#undef v_eq
#undef v_select
#undef v_trunc
#undef v_transpose
#undef v_from_int
#undef i_pair
#undef i_madd_add
#undef v_store_int32
#undef v_store_cells8
#undef v_store_cells64
#undef v_pow2
#undef m_and
#undef m_or
#undef m_andnot
#undef m_bits
#undef i_set1
#undef i_load
#undef i_store
#undef i_add
#undef i_or
#undef i_select

#ifdef FG_TARGETED
#undef FG_TARGETED
#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
