// SPDX-License-Identifier: Apache-2.0
// Roofline arithmetic: roofs from peaks, and where they meet the bandwidths.
// Williams, Waterman, Patterson: Roofline, CACM 52(4), 2009.
#include "machine/machine.h"

#include <math.h>

static bool same(const char *a, const char *b) {
  return strcmp(a ? a : "", b ? b : "") == 0;
}

// Is there a dot product of this format that is one instruction?
static bool has_dot(const sz_machine *m, const sz_peak *like) {
  for (size_t i = 0; i < m->peaks.n; i++) {
    const sz_peak *p = &m->peaks.items[i];
    if (same(p->op, "dot") && same(p->dtype, like->dtype) &&
        p->threads == like->threads)
      return true;
  }
  return false;
}

// What counts as one kind of work: any multiply-add, fused or not, can do a
// contraction. The dot product in three instructions is a roof of its own
// beside one that takes one, and else the best there is.
static const char *kind_of(const sz_machine *m, const sz_peak *p) {
  static const char *const multiply_add[] = {"fma", "mul+add", "dot"};
  for (size_t i = 0; i < sizeof multiply_add / sizeof multiply_add[0]; i++)
    if (same(p->op, multiply_add[i]))
      return "fma";
  return same(p->op, "dot3") && !has_dot(m, p) ? "fma" : p->op;
}

static sz_roof *find_roof(sz_machine *m, const sz_peak *p, const char *kind) {
  for (size_t i = 0; i < m->roofs.n; i++) {
    sz_roof *r = &m->roofs.items[i];
    if (same(r->device, p->device) && same(r->unit, p->unit) &&
        same(r->dtype, p->dtype) && same(r->op, kind) &&
        r->threads == p->threads)
      return r;
  }
  return NULL;
}

// Short formats are known by their dot products.
static sz_status name_roof(sz_machine *m, sz_roof *r, const sz_peak *p) {
  const char *op = strncmp(p->op, "dot", 3) == 0 ? p->op : r->op;
  const char *unit =
      same(p->unit, "scalar") || same(p->unit, "matrix") ? p->unit : NULL;
  if (p->threads == 0)
    return sz_machine_printf(m, &r->name, "%s %s, %s %s", r->dtype, op,
                             r->device, r->unit);
  return sz_machine_printf(m, &r->name, "%s %s,%s%s%s %lld thread%s", r->dtype,
                           op, unit ? " " : "", unit ? unit : "",
                           unit ? "," : "", (long long)r->threads,
                           r->threads == 1 ? "" : "s");
}

static sz_status add_roof(sz_machine *m, const sz_peak *p, const char *kind) {
  sz_roof r = {.device = p->device,
               .unit = p->unit,
               .op = sz_machine_text(m, kind),
               .dtype = p->dtype,
               .threads = p->threads,
               .flop_per_s = p->flop_per_s};
  if (!r.op)
    return sz_no_memory(m->ctx);
  SZ_TRY(name_roof(m, &r, p));
  return sz_vec_push(m->ctx, &m->roofs, r) ? SZ_OK : sz_no_memory(m->ctx);
}

sz_status sz_make_roofs(sz_machine *m) {
  m->roofs.n = 0;
  for (size_t i = 0; i < m->peaks.n; i++) {
    const sz_peak *p = &m->peaks.items[i];
    const char *kind = kind_of(m, p);
    sz_roof *r = find_roof(m, p, kind);
    if (!r)
      SZ_TRY(add_roof(m, p, kind));
    else if (p->flop_per_s > r->flop_per_s)
      r->flop_per_s = p->flop_per_s;
  }
  return SZ_OK;
}

double sz_best_bandwidth(const sz_machine *m, size_t level, const char *mix,
                         int64_t threads) {
  const sz_mem_level *l = &m->levels.items[level];
  double best = SZ_NAN;
  for (size_t i = 0; i < l->bandwidths.n; i++) {
    const sz_bandwidth *b = &l->bandwidths.items[i];
    if (b->threads != threads || (mix && !same(b->mix, mix)))
      continue;
    if (!(best >= b->byte_per_s))
      best = b->byte_per_s;
  }
  return best;
}

// Against loads, the mix every model needs most; any mix where loads are not
// known.
double sz_machine_ridge(const sz_machine *m, size_t roof, size_t level) {
  const sz_roof *r = &m->roofs.items[roof];
  double w = sz_best_bandwidth(m, level, "load", r->threads);
  if (isnan(w))
    w = sz_best_bandwidth(m, level, NULL, r->threads);
  return r->flop_per_s / w;
}

int sz_main_memory(const sz_machine *m) {
  for (size_t i = 0; i < m->levels.n; i++)
    if (same(m->levels.items[i].level.name, "DRAM"))
      return (int)i;
  return -1;
}
