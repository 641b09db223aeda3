import { useEffect, useRef, useState } from "preact/hooks";

import { useData } from "../data/context.ts";
import { failureOf } from "../data/errors.ts";
import type { Photo } from "../data/types.ts";
import { shrink } from "./shrink.ts";

export interface Upload {
  id: number;
  /** An address of the picture on this device. */
  preview: string;
  /** 0..1 */
  progress: number;
  /** Why it did not arrive, "" while it travels. */
  error: string;
}

interface Job extends Upload {
  file: File;
  takenAt: Date;
}

export interface Uploads {
  list: readonly Upload[];
  add: (files: Iterable<File>) => void;
  retry: (id: number) => void;
  discard: (id: number) => void;
}

let nextId = 1;

/** Photos on their way to the server. One that does not arrive stays until it is sent again or given up. */
export function useUploads(order: string, onArrived: (photo: Photo) => void): Uploads {
  const { orders } = useData();
  const [jobs, setJobs] = useState<readonly Job[]>([]);
  const current = useRef(jobs);
  current.current = jobs;

  useEffect(() => () => current.current.forEach((job) => URL.revokeObjectURL(job.preview)), []);

  const update = (id: number, change: Partial<Job>) =>
    setJobs((old) => old.map((job) => (job.id === id ? { ...job, ...change } : job)));
  const discard = (id: number) =>
    setJobs((old) =>
      old.filter((job) => {
        if (job.id === id) URL.revokeObjectURL(job.preview);
        return job.id !== id;
      }),
    );

  const send = async (job: Job) => {
    update(job.id, { error: "", progress: 0 });
    try {
      const image = await shrink(job.file);
      const photo = await orders.addPhoto(order, image, job.takenAt, (progress) => update(job.id, { progress }));
      onArrived(photo);
      discard(job.id);
    } catch (error) {
      const known = error instanceof Error && error.constructor === Error;
      update(job.id, { error: known ? error.message : failureOf(error).sentence });
    }
  };

  return {
    list: jobs,
    add: (files) => {
      for (const file of files) {
        const job: Job = { id: nextId++, file, takenAt: new Date(), preview: URL.createObjectURL(file), progress: 0, error: "" };
        setJobs((old) => [...old, job]);
        void send(job);
      }
    },
    retry: (id) => {
      const job = jobs.find((each) => each.id === id);
      if (job) void send(job);
    },
    discard,
  };
}
