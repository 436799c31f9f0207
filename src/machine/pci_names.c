/* pci_names: what a device is called, from the list that most systems have (pci.ids):
 *   10de  NVIDIA Corporation
 *   <tab>2684  AD102 [GeForce RTX 4090]  */
#include "machine/inside.h"

#define MOST_LIST (4u << 20)

static struct slice list_of(struct tree *t)
{
    if (!t->pci_read && !look_file(t, "/usr/share/misc/pci.ids", MOST_LIST, &t->pci))
        look_file(t, "/usr/share/hwdata/pci.ids", MOST_LIST, &t->pci);
    t->pci_read = true;
    return text_slice(&t->pci);
}

static bool begins_with(struct slice line, uint64_t id)
{
    uint64_t n;
    return line.len > 6 && line.ptr[4] == ' ' && hex_of(slice_to(line, 4), &n) && n == id;
}

static struct slice find(struct slice list, uint64_t vendor, uint64_t product)
{
    bool inside = false;
    for (struct slice line; slice_split(&list, '\n', &line);) {
        if (!line.len || line.ptr[0] == '#')
            continue;
        if (line.ptr[0] != '\t') {
            if (inside)
                break;
            inside = begins_with(line, vendor);
        } else if (inside && begins_with(slice_from(line, 1), product)) {
            return slice_trim(slice_from(line, 6));
        }
    }
    return SLICE("");
}

const char *pci_name(struct tree *t, const struct found *f, const char *label)
{
    struct slice name = find(list_of(t), f->vendor, f->product);
    size_t open = slice_find(name, '['), close = slice_find(name, ']');
    if (!name.len)
        return look_path(t, "%s GPU %04llx:%04llx", label, (unsigned long long)f->vendor,
                         (unsigned long long)f->product);
    if (open < close && close < name.len) /* what is on the box, and not the chip's own name */
        name = slice_from(slice_to(name, close), open + 1);
    const char *word = look_word(t, name);
    return slice_begins(slice_of(word), slice_of(label)) ? word
                                                         : look_path(t, "%s %s", label, word);
}
