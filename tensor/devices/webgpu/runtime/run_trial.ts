/**
 * Runs one workgroup of a shader by itself and reads what it tells, for trials of a device that is being opened.
 *
 * @param gpu A device.
 * @param pipeline What runs.
 * @param buffers What it binds, in order; the last, which is read, can be copied from. All are destroyed.
 * @returns The bytes of the last buffer.
 */
export async function runTrial(
  gpu: GPUDevice,
  pipeline: GPUComputePipeline,
  buffers: readonly GPUBuffer[],
): Promise<ArrayBuffer> {
  const told = buffers.at(-1)!;
  const staging = gpu.createBuffer({ size: told.size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }));
  const encoder = gpu.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, gpu.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
  pass.dispatchWorkgroups(1);
  pass.end();
  encoder.copyBufferToBuffer(told, 0, staging, 0, told.size);
  gpu.queue.submit([encoder.finish()]);
  await staging.mapAsync(GPUMapMode.READ);
  const answer = staging.getMappedRange().slice(0);
  [...buffers, staging].forEach((buffer) => buffer.destroy());
  return answer;
}
