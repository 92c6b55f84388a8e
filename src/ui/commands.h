/*
 * What the rows of keymap.def call.  Each acts on the view that has the keys; what a row needs has
 * been checked.
 */
#ifndef UI_COMMANDS_H
#define UI_COMMANDS_H

struct ui;

/* view_listing.c, view_places.c */
void cmd_list_open(struct ui *u, int arg);
void cmd_list_parent(struct ui *u, int arg);
void cmd_filter(struct ui *u, int arg);
void cmd_count(struct ui *u, int arg);
void cmd_sort(struct ui *u, int arg);
void cmd_copy_name(struct ui *u, int arg);

/* marks.c */
void cmd_mark(struct ui *u, int arg);
void cmd_mark_all(struct ui *u, int arg);
void cmd_list_delete(struct ui *u, int arg);
void cmd_download(struct ui *u, int arg);

/* profiles.c */
void cmd_profiles(struct ui *u, int arg);

/* view_tree.c */
void cmd_tree_open(struct ui *u, int arg);
void cmd_tree_close(struct ui *u, int arg);
void cmd_tree_toggle(struct ui *u, int arg);
void cmd_tree_lens(struct ui *u, int arg);
void cmd_tree_py2(struct ui *u, int arg);
void cmd_tree_all(struct ui *u, int expand);
void cmd_tree_level(struct ui *u, int arg);
void cmd_tree_sibling(struct ui *u, int direction);
void cmd_copy(struct ui *u, int value);

/* write_value.c */
void cmd_write_value(struct ui *u, int arg);

/* complete.c */
void cmd_line_complete(struct ui *u, int arg);

/* find.c */
void cmd_find(struct ui *u, int arg);
void cmd_find_next(struct ui *u, int direction);

/* edit.c */
void cmd_edit(struct ui *u, int arg);
void cmd_undo(struct ui *u, int arg);
void cmd_redo(struct ui *u, int arg);
void cmd_revert(struct ui *u, int arg);

/* structure.c */
void cmd_row_add(struct ui *u, int arg);
void cmd_row_delete(struct ui *u, int arg);
void cmd_row_rename(struct ui *u, int arg);
void cmd_row_type(struct ui *u, int arg);
void cmd_row_double(struct ui *u, int arg);
void cmd_row_shift(struct ui *u, int direction);

/* view_object.c, view_props.c */
void cmd_fetch(struct ui *u, int arg);
void cmd_properties(struct ui *u, int arg);

/* save.c */
void cmd_save(struct ui *u, int arg);
void cmd_save_as(struct ui *u, int arg);

/* nav.c */
void cmd_go(struct ui *u, int arg);
void cmd_back(struct ui *u, int direction);
void cmd_reload(struct ui *u, int arg);

/* bookmarks.c */
void cmd_bookmark(struct ui *u, int arg);
void cmd_bookmarks(struct ui *u, int arg);

/* view_opcodes.c */
void cmd_opcodes(struct ui *u, int arg);

/* view_table.c */
void cmd_table(struct ui *u, int arg);
void cmd_table_column(struct ui *u, int direction);
void cmd_table_take(struct ui *u, int arg);
void cmd_table_edit(struct ui *u, int or_go);
void cmd_table_sort(struct ui *u, int arg);

/* links.c */
void cmd_links(struct ui *u, int arg);
void cmd_thaw(struct ui *u, int arg);

/* view_versions.c */
void cmd_versions(struct ui *u, int arg);
void cmd_deleted(struct ui *u, int arg);
void cmd_version_open(struct ui *u, int arg);
void cmd_version_mark(struct ui *u, int arg);
void cmd_version_compare(struct ui *u, int arg);
void cmd_version_restore(struct ui *u, int arg);

/* palette.c */
void cmd_palette(struct ui *u, int arg);

/* view_value.c */
void cmd_value_decimal(struct ui *u, int arg);
void cmd_value_find(struct ui *u, int arg);
void cmd_value_next(struct ui *u, int direction);
void cmd_value_hex(struct ui *u, int arg);

/* view_picker.c, view_audit.c */
void cmd_pick(struct ui *u, int arg);
void cmd_pick_line(struct ui *u, int op);
void cmd_audit(struct ui *u, int arg);

/* dialog.c, ask.c, view_help.c, message.c */
void cmd_choose(struct ui *u, int arg);
void cmd_choice(struct ui *u, int direction);
void cmd_accept(struct ui *u, int arg);
void cmd_line(struct ui *u, int op);
void cmd_line_before(struct ui *u, int direction);
void cmd_line_editor(struct ui *u, int arg); /* editor.c */
void cmd_help(struct ui *u, int arg);
void cmd_messages(struct ui *u, int arg);
void cmd_pager_find(struct ui *u, int arg);
void cmd_pager_next(struct ui *u, int direction);

/* mouse.c */
void cmd_mouse(struct ui *u, int arg);

/* command.c */
void cmd_move(struct ui *u, int move);
void cmd_pane(struct ui *u, int arg);
void cmd_close(struct ui *u, int arg);
void cmd_cancel(struct ui *u, int arg);
void cmd_redraw(struct ui *u, int arg);
void cmd_suspend(struct ui *u, int arg);
void cmd_quit(struct ui *u, int arg);
void cmd_interrupt(struct ui *u, int arg);

#endif
