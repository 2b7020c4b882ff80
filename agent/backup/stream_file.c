/*
 * The file is a job of the pool, which cuts it and shares its chunks as those of any large file. Who it belongs to is who runs this; nobody else may read it.
 */
#include "agent/backup/stream_file.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/backup/file_cut.h"
#include "protocol/entry.h"

struct stream_job {
	struct lade_pool_job job;
	const struct lade_stream_file *file;
	struct lade_tree_directory *directory;
	struct lade_slice name;
	uint64_t len;
	int error;
	struct lade_fault *fault;
};

/* An entry of ours. */
static struct lade_stream_entry make_entry(const struct lade_stream_file *file, struct lade_slice name, uint32_t mode)
{
	return (struct lade_stream_entry){
		.name = name, .mode = mode, .fields = LADE_ENTRY_OWNER | LADE_ENTRY_MTIME, .uid = getuid(), .gid = getgid(),
		.mtime = { .s = file->time.tv_sec, .ns = (uint32_t)file->time.tv_nsec },
	};
}

static int put_entry(struct stream_job *stream, const struct lade_file_cut_result *content, const struct lade_stream_lengths *lengths)
{
	struct lade_stream_entry entry = make_entry(stream->file, stream->name, S_IFREG | 0600);
	struct lade_writer encoded;
	int error;

	entry.recipe = lade_slice(content->recipe.data, content->recipe.len);
	entry.fields |= LADE_ENTRY_RECIPE;
	lade_writer_init(&encoded, LADE_BACKUP_ENTRY_MAX);
	error = lade_stream_entry_put(&encoded, lengths, &entry);
	if (!error)
		error = lade_tree_add(stream->directory, stream->name, lade_slice(encoded.data, encoded.len));
	lade_writer_fini(&encoded);
	return error ? lade_fault_set(stream->fault, error, "back up", stream->file->path) : 0;
}

static void run(struct lade_pool_job *job, void *context)
{
	struct stream_job *stream = (struct stream_job *)job;
	struct lade_backup_worker *worker = context;
	const struct lade_backup_events *events = stream->file->events;
	const struct lade_file_cut_source source = {
		.fd = stream->file->fd, .path = stream->file->path, .stop = stream->file->stop, .progress = events->read, .context = events->context,
	};
	struct lade_file_cut_result content;

	lade_file_cut_result_init(&content);
	stream->error = lade_file_cut_put(worker, &source, &content, stream->fault);
	if (!stream->error)
		stream->error = put_entry(stream, &content, &worker->shared->lengths);
	stream->len = content.len;
	lade_file_cut_result_fini(&content);
	lade_tree_deliver(stream->directory, worker);
}

/* Make the directories on the way. *directory_out is the last one, and *name_out what is in it. */
static int enter_all(const struct lade_stream_file *file, struct lade_tree *tree, struct lade_tree_directory **directories, size_t *depth_out, struct lade_slice *name_out)
{
	const char *part = file->path + 1, *slash;
	int error = 0;

	directories[0] = lade_tree_root(tree);
	*depth_out = 1;
	for (; !error && (slash = strchr(part, '/')); part = slash + 1) {
		const struct lade_stream_entry entry = make_entry(file, lade_slice(part, (size_t)(slash - part)), S_IFDIR | 0700);

		error = lade_tree_enter(directories[*depth_out - 1], &entry, &directories[*depth_out]);
		if (!error)
			++*depth_out;
	}
	*name_out = lade_slice(part, strlen(part));
	return error;
}

int lade_stream_file_put(const struct lade_stream_file *file, struct lade_tree *tree, struct lade_backup_worker *worker, struct lade_scan_figures *figures_out,
			 struct lade_fault *fault)
{
	struct stream_job stream = { .job.run = run, .file = file, .fault = fault };
	struct lade_tree_directory **directories;
	size_t depth;

	*figures_out = (struct lade_scan_figures){ 0 };
	if (file->path[0] != '/' || !lade_entry_names_valid(lade_slice(file->path + 1, strlen(file->path + 1))))
		return lade_fault_set(fault, LADE_E_USAGE, "back up as", file->path);
	directories = calloc(strlen(file->path) + 1, sizeof(struct lade_tree_directory *));
	if (!directories)
		return lade_fault_set(fault, LADE_E_MEMORY, "back up", file->path);
	stream.error = enter_all(file, tree, directories, &depth, &stream.name);
	if (stream.error) {
		lade_fault_set(fault, stream.error, "back up", file->path);
	} else {
		stream.directory = directories[depth - 1];
		lade_tree_expect(stream.directory);
		lade_pool_add(worker->shared->pool, &stream.job);
	}
	while (depth)
		lade_tree_leave(directories[--depth], worker);
	lade_pool_drain(worker->shared->pool);
	free(directories);
	figures_out->files = 1;
	figures_out->bytes = stream.len;
	return stream.error;
}
